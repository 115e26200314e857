"""What this process has acted on already: platforms deliver a message more than once."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator

from core.conversation.values import ChannelRef

_HEARD = 10_000  # posts that are remembered


class Heard:
    """The posts acted on by this process, the newest of them."""

    def __init__(self) -> None:
        self._posts: OrderedDict[tuple[ChannelRef, str], None] = OrderedDict()

    @contextlib.contextmanager
    def first(self, channel: ChannelRef, message_id: str) -> Iterator[bool]:
        """Whether this post is new; one whose handling fails counts as not heard."""
        post = (channel, message_id)
        if post in self._posts:
            yield False
            return
        self._posts[post] = None
        if len(self._posts) > _HEARD:
            self._posts.popitem(last=False)
        try:
            yield True
        except BaseException:
            self._posts.pop(post, None)
            raise
