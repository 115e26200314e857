"""From a repository's name and a conversation to the text of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from core.chat.contract import Message
from core.errors import RepositoryIndexing
from core.localchat import answers
from core.localchat.index import Index
from core.localchat.indexes import Indexes
from core.localchat.repos import Repositories
from core.localchat.threads import Threads

_THREADS = 4
_PATIENCE_SECONDS = 45.0  # below what clients commonly wait for a first word


class Answering:
    """Answers from the registered repositories.

    A clone and an index go on when the answer that wanted them was cancelled or took longer than `patience`.
    """

    def __init__(self, repositories: Repositories, indexes: Indexes, *, patience: float = _PATIENCE_SECONDS) -> None:
        self._repositories = repositories
        self._indexes = indexes
        self._patience = patience
        self._threads = Threads(_THREADS)

    async def answer(self, name: str, messages: Sequence[Message]) -> str:
        """The answer in Markdown.

        Raises what Repositories.checkout and Indexes.of raise, and RepositoryIndexing where these take long.
        """
        try:
            async with asyncio.timeout(self._patience):
                name, index = await self._index(name)
        except TimeoutError:
            raise RepositoryIndexing(f"{name} is still being indexed") from None
        return await self._threads.run(answers.answer, name, index, messages)

    async def close(self) -> None:
        """Ends what goes on without an asker, and every thread."""
        await self._repositories.close()
        await self._indexes.close()
        await self._threads.close()

    async def _index(self, name: str) -> tuple[str, Index]:
        checkout = await self._repositories.checkout(name)
        return checkout.name, await self._indexes.of(checkout.name, checkout.place)
