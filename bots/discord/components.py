"""Pure: the bodies of our messages and their buttons. Every id in a button is checked again when it is pressed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import partial

from bots.discord.native import native
from bots.discord.outgoing import GROWTH, PAGE, escaped, rendered
from bots.fields import items, mapping, text
from core.conversation.values import Notice, Offer, Outcome
from core.relay.delivery import Footer, Post
from core.relay.pages import pages

Button = dict[str, object]
Message = dict[str, object]

RETRY, STOP, GOOD, BAD = "retry", "stop", "good", "bad"  # under answers
MAP, AGAIN, TOKEN, CONFIRM, DEFAULT = "map", "again", "token", "confirm", "default"  # under notices
ACTIONS = frozenset({RETRY, STOP, GOOD, BAD, MAP, AGAIN, TOKEN, CONFIRM, DEFAULT})

_OF_ANSWERS = frozenset({RETRY, STOP, GOOD, BAD})
_OFFERS = {Offer.MAP: (MAP, "Map a repository"), Offer.AGAIN: (AGAIN, "Ask again")}
_SIGN = "-# Looking through the code…"
_LONGEST_NAMES = (60, 30, 10)  # characters of a name in a footer, which has 150 to itself in the fullest post
_MOST = 2_000  # characters that Discord takes in a message
_SETTER = re.compile(r"\bset by `(\d{17,20})`")


class Style(IntEnum):
    """How a button looks."""

    PRIMARY = 1
    SECONDARY = 2
    SUCCESS = 3
    DANGER = 4
    LINK = 5


def custom_id(action: str, subject: str, number: int = 0) -> str:
    """The id of a button: what it does, about what (a turn's id, mostly), and under which post of an answer."""
    return f"{action}:{subject}:{number}"


def parse(given: str) -> tuple[str, str, int] | None:
    """What `custom_id` was given; None for anything else."""
    action, _, rest = given.partition(":")
    subject, colon, number = rest.rpartition(":")
    if action not in ACTIONS or not colon or not number.removeprefix("-").isdecimal() or len(number) > 6:
        return None
    return action, subject, int(number)


def button(action: str, label: str, subject: str = "", number: int = 0, *, style: Style = Style.SECONDARY) -> Button:
    """A button; `action`, `subject` and `number` come back when it is pressed."""
    return {"type": 2, "style": int(style), "label": label, "custom_id": custom_id(action, subject, number)}


def link(label: str, url: str) -> Button:
    """A button that opens a page."""
    return {"type": 2, "style": int(Style.LINK), "label": label, "url": url}


def row(*buttons: Button) -> list[Message]:
    """Up to five buttons beside each other; none at all take a row away."""
    return [{"type": 1, "components": list(buttons)}] if buttons else []


def answer(text: str, post: Post, footer: Footer | None) -> Message:
    """A post of an answer. Without text yet, a sign that work has begun; while it grows, a button that stops it."""
    content = rendered(text) if text.strip() else _SIGN
    if footer is None:
        return _message(content, *([] if post.full else [button(STOP, "Stop", post.turn_id, post.number)]))
    return _message(_signed(content, footer), *_under(footer, post))


def echo(asker_id: str, question: str) -> Message:
    """A question that came by a command, as everybody sees it."""
    asks = f"-# <@{asker_id}> asks\n"
    content = asks + rendered(question)
    if len(content) > _MOST:
        content = f"{asks}{rendered(question[: _MOST - GROWTH - len(asks) - 1])}…"
    return _message(content)


def notice(told: Notice, turn_id: str) -> Message:
    """A sentence of ours, as far as one message takes it, and what it offers to do next."""
    first, *more = [page.text for page in pages(told.text, PAGE)] or [""]
    return said(f"{first} …" if more else first, *offered(told, turn_id))


def offered(told: Notice, turn_id: str) -> list[Button]:
    """The buttons of what a notice offers."""
    if told.offer is None:
        return []
    action, label = _OFFERS[told.offer]
    return [button(action, label, turn_id, style=Style.PRIMARY)]


def said(words: str, *buttons: Button) -> Message:
    """A sentence of ours, and buttons under it. Who set something is shown as a person; that notifies nobody."""
    return _message(_SETTER.sub(r"set by <@\1>", rendered(native(words))), *buttons)


def about(channel_id: str, words: str) -> Message:
    """A sentence of ours about a channel, said elsewhere."""
    return _message(f"<#{channel_id}>: {rendered(native(words))}")


def leading_away(message: Message) -> Message:
    """A message without the buttons that are good only where they were made: what is left opens pages."""
    return {**message, "components": row(*(dict(each) for each in _buttons(message) if "url" in each))}


def to(user_id: str, message: Message) -> str:
    """What the message says, beginning with somebody's name."""
    return f"<@{user_id}> {message['content']}"


def shows(message: Mapping[str, object], turn_id: str) -> int | None:
    """Which post of this turn's answer a message is, by its buttons."""
    for pressed in _buttons(message):
        found = parse(text(pressed.get("custom_id")) or "")
        if found is not None and found[0] in _OF_ANSWERS and found[1] == turn_id:
            return found[2]
    return None


def _under(footer: Footer, post: Post) -> list[Button]:
    """What stands under a finished answer."""
    retry = button(RETRY, "Retry", post.turn_id, post.number)
    if footer.outcome is not Outcome.ANSWERED:
        return [retry]
    good, bad = button(GOOD, "👍", post.turn_id, post.number), button(BAD, "👎", post.turn_id, post.number)
    return [good, bad, retry]


def _signed(content: str, footer: Footer) -> str:
    """The content with its footer, whose names are cut as far as the room that is left asks for."""
    signed = ""
    for longest in _LONGEST_NAMES:
        line = footer.line(partial(_named, longest=longest), partial(_cut, longest=longest))
        signed = f"{content}\n-# {line}"
        if len(signed) <= _MOST:
            break
    return signed


def _named(name: str, longest: int) -> str:
    return escaped(_cut(name, longest))


def _cut(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[:longest]}…"


def _message(content: str, *buttons: Button) -> Message:
    """What it is to show, all of it: in an edit, what stood there before goes away."""
    return {"content": content, "components": row(*buttons)}


def _buttons(message: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for line in items(message.get("components")):
        yield from map(mapping, items(mapping(line).get("components")))
