"""Pure: which posts of one place, read back, are questions that may not have been heard."""

from __future__ import annotations

from collections.abc import Iterable

from bots.discord.incoming import Asked, Worded, of_post
from bots.discord.posts import Post
from core.channels.grammar import ThreadWord, gives_token


def unheard(posts: Iterable[Post], bot_id: str, heard: int | None) -> list[Post]:
    """The questions among these posts of one place, which are given oldest first.

    What calls us by name is one, whenever it was posted: one that was heard is known by its id. What does not is one,
    or may be, if it was posted after `heard`, the last that is known of the conversation there; None where there was
    none. What holds a token is none, and may have been told so already. Words that steer are not acted on. But nobody
    waits for what was said before `stop`; before `unmute` it may have been heard and not been for us; and after `mute`
    one has to call us.
    """
    found: list[tuple[Post, Asked]] = []
    muted = False
    for post in posts:
        match of_post(post, bot_id):
            case Asked() as asked if not gives_token(asked.question.text):
                if heard is None and asked.mentioned:
                    heard = int(post.message_id)  # the conversation begins here
                if asked.mentioned or (heard is not None and int(post.message_id) > heard and not muted):
                    found.append((post, asked))
            case Worded(word=ThreadWord.MUTE):
                muted = not post.spot.direct
            case Worded(word=ThreadWord.STOP | ThreadWord.UNMUTE as word):
                found = [each for each in found if each[1].mentioned]
                muted = muted and word is ThreadWord.STOP
    return [post for post, _ in found]
