"""From a repository's name and a conversation to the text of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from core.chat.contract import Message
from core.localchat import answers
from core.localchat.indexes import Indexes
from core.localchat.repos import Repositories


class Answering:
    """Answers from the registered repositories. Cancelling an answer ends its clone, and its index unless shared."""

    def __init__(self, repositories: Repositories, indexes: Indexes) -> None:
        self._repositories = repositories
        self._indexes = indexes

    async def answer(self, name: str, messages: Sequence[Message]) -> str:
        """The answer in Markdown.

        Raises what Repositories.checkout raises, and ServiceUnavailable where the repository cannot be read.
        """
        checkout = await self._repositories.checkout(name)
        index = await self._indexes.of(checkout.name, checkout.place)
        return await asyncio.to_thread(answers.answer, checkout.name, index, messages)
