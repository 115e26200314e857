"""Pure: the Home tab. It shows a person nothing but what they asked, and what they may read anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bots.slack import offers
from bots.slack.mrkdwn import mrkdwn, raw_section, section
from core.wording import code

View = Mapping[str, object]

_SHOWN = 120  # characters of a question
_HOW = """\
- `/askrepo how does login work?` asks in a channel, for everybody to see
- Mention me in a channel or a thread, or write to me in a direct message
- Choose “Ask about this message” in the menu of a message
- Reply in my threads to go on asking; a mention with `stop`, `retry`, `new`, `mute` or `unmute` steers them
- `/askrepo help` lists everything else"""


@dataclass(frozen=True, slots=True)
class Place:
    """A channel the person asked in, and what questions there are about; `earlier`: what theirs was about last."""

    channel_id: str
    repositories: tuple[str, ...]
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A thread the person asked in: their newest question there."""

    channel_id: str
    question: str
    asked_at: datetime


def view(places: Sequence[Place], asked: Sequence[Asked], *, default: str | None, may_set_default: bool) -> View:
    """The tab. `default` is the workspace's default repository, None where there is none or it is not theirs to see."""
    blocks: list[Mapping[str, object]] = [_header("Ask about your code"), section(_HOW)]
    if places or default is not None:
        blocks.append(_header("Where you ask"))
        blocks += [raw_section("\n".join(map(_place, places)))] if places else []
        blocks += [_context(f"Elsewhere questions are about {code(default)}.")] if default is not None else []
    if may_set_default:
        blocks.append({"type": "actions", "elements": [offers.set_default()]})
    blocks.append(_header("Your questions"))
    blocks += [raw_section(_asked(each)) for each in asked] or [section("You have not asked anything yet.")]
    return {"type": "home", "blocks": blocks}


def _place(place: Place) -> str:
    named = mrkdwn(", ".join(map(code, place.repositories))) if place.repositories else "no repository is mapped"
    return f"• {_named(place.channel_id)}: {'your last question was about ' if place.earlier else ''}{named}"


def _asked(asked: Asked) -> str:
    words = " ".join(asked.question.split())
    words = mrkdwn(code(words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"))
    return f"{words}\n{_named(asked.channel_id)} · {asked.asked_at.astimezone(UTC):%d %b %Y}"


def _named(channel_id: str) -> str:
    """A channel, as Slack shows its name; direct messages have none."""
    return "Direct message" if channel_id.startswith("D") else f"<#{channel_id}>"


def _header(words: str) -> Mapping[str, object]:
    return {"type": "header", "text": {"type": "plain_text", "text": words}}


def _context(words: str) -> Mapping[str, object]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": mrkdwn(words), "verbatim": True}]}
