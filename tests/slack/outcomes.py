"""What became of a question, judged by nothing but what people see in Slack."""

from __future__ import annotations

from enum import StrEnum

from tests.fakes.slack_values import Message
from tests.slack.house import World

_SIGN = "Looking through the code"


class Seen(StrEnum):
    """The one thing that the asker sees in the end."""

    WHOLE = "the whole answer, once"
    FAILURE = "the reason, where the answer would stand"
    NOTICE = "one notice, to the asker alone"


def answers(world: World, root: Message, since: str = "") -> list[Message]:
    """The app's posts in a thread, behind its root; `since` a message of it."""
    return [post for post in world.slack.thread(root.channel, root.ts)[1:] if post.bot_id and post.ts > since]


def told(world: World, root: Message) -> list[Message]:
    """What only the asker was told: there, or in a direct message."""
    direct = world.slack.dm(world.alice, world.askrepo)
    alone = [] if root.channel is direct else [post for post in world.slack.posts(direct) if post.bot_id]
    return world.slack.ephemerals(root.channel, world.alice) + alone


def outcome(world: World, root: Message, said: str, *, reachable: bool = True, since: str = "") -> Seen:
    """What the asker sees, which is one thing: AssertionError where it is none, two, half of one, or not over.

    In a place that is not `reachable` any more, what stood there stays. `since`: the message that asked, in a thread
    where others were answered before.
    """
    posts, alone = answers(world, root, since), told(world, root)
    finished = [post for post in posts if _has(post, "retry")]
    if reachable:
        assert not any(_has(post, "stop") for post in posts), "a button that stops what is over"
        assert not any(world.slack.streaming(post) for post in posts), "a stream is still open"
        assert not any(_SIGN in post.shown for post in posts), "a sign of work where nobody works"
    if not finished:
        assert len(alone) == 1, f"{len(alone)} notices and no answer"
        assert alone[0].body.strip(), "a notice without a word"
        assert not reachable or not posts, f"a notice, and beside it {[post.body for post in posts]}"
        return Seen.NOTICE
    assert not alone, "an answer, and a notice"
    assert all(post.shown.strip() or post.files for post in posts), "a post that shows nothing"
    assert finished == posts[-1:], "more than one end, or something behind it"
    shown = "".join(post.body for post in posts)
    if shown != said:
        assert len(posts) == 1, "a failure in several posts"
        assert shown.strip(), "nothing under the footer"
        assert not any(line in shown for line in said.splitlines()), f"not the whole answer once: {shown!r}"
        return Seen.FAILURE
    return Seen.WHOLE


def _has(post: Message, action: str) -> bool:
    return any(each["action_id"] == action for each in post.buttons)
