"""What became of a question, judged by nothing but what people see in Discord."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from bots.discord.outgoing import rendered
from tests.discord.house import World
from tests.fakes.discord_values import REPLY, Channel, Message

_SIGN = "Looking through the code"


class Seen(StrEnum):
    """The one thing that the asker sees in the end."""

    WHOLE = "the whole answer, once"
    FAILURE = "the reason, where the answer would stand"
    NOTICE = "one notice: to them alone, under what they asked, or in a direct message"


def said(post: Message) -> str:
    """What a post says without its footer."""
    return post.content.rpartition("\n-# ")[0] if "Retry" in post.buttons else post.content


def answers(world: World, root: Message) -> list[Message]:
    """The bot's posts of an answer, in the thread of this message."""
    thread = world.thread(root)
    return [] if thread is None else [post for post in world.discord.answers(thread) if post.type != REPLY]


def told(world: World, root: Message) -> list[Message]:
    """What the asker was told otherwise: for them alone, in reply to what they asked, or in a direct message."""
    direct, places = world.discord.dm(root.author), {root.channel, world.thread(root)} - {None}
    return [each for each in _notices(world, root, places) if each.channel is not direct] + (
        [] if root.channel is direct else world.discord.answers(direct)
    )


def _notices(world: World, root: Message, places: set[Channel | None]) -> Iterator[Message]:
    yield from world.discord.ephemerals(root.channel, root.author)
    for place in world.discord.channels.values():
        if place in places:
            yield from (post for post in world.discord.answers(place) if post.type == REPLY)


def outcome(world: World, root: Message, expected: str, *, reachable: bool = True) -> Seen:
    """What the asker sees, which is one thing: AssertionError where it is none, two, half of one, or not over.

    In a place that is not `reachable` any more, what stood there stays.
    """
    posts, alone = answers(world, root), told(world, root)
    finished = [post for post in posts if "Retry" in post.buttons]
    if reachable:
        assert not any("Stop" in post.buttons for post in posts), "a button that stops what is over"
        assert not any(_SIGN in post.content for post in posts), "a sign of work where nobody works"
    if not finished:
        assert len(alone) == 1, f"{len(alone)} notices and no answer"
        assert alone[0].content.strip(), "a notice without a word"
        assert not reachable or not posts, f"a notice, and beside it {[post.content for post in posts]}"
        return Seen.NOTICE
    assert not alone, f"an answer, and a notice: {alone[0].content}"
    assert finished == posts[-1:], "more than one end, or something behind it"
    shown = "\n".join(said(post) for post in posts)
    if shown != rendered(expected):
        assert len(posts) == 1, "a failure in several posts"
        assert shown.strip(), "nothing above the footer"
        assert not any(line in shown for line in expected.splitlines()), f"not the whole answer once: {shown!r}"
        return Seen.FAILURE
    return Seen.WHOLE
