"""Pure: the blocks of our messages. Every id in a button is checked again when it is pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bots.fields import items, mapping
from bots.slack.outgoing import escaped, in_code, rendered
from core.conversation.values import Notice, Offer, Outcome
from core.relay.delivery import Footer, Post
from core.relay.pages import pages

Block = Mapping[str, object]

RETRY, STOP, FEEDBACK, MAP, AGAIN = "retry", "stop", "feedback", "map", "again"  # action ids
METADATA = "askrepo_post"  # the type of the metadata by which we find our own posts again
_THINKING = "Looking through the code…"
_MOST_IN_SECTION = 3_000  # characters
_MOST_OF_QUESTION = 9_000  # characters of one that is shown
_OFFERS = {Offer.MAP: (MAP, "Map a repository"), Offer.AGAIN: (AGAIN, "Ask again")}


def answer(text: str, post: Post, footer: Footer | None, *, plain: bool = False) -> list[Block]:
    """A post of an answer. Without text yet, a sign that work has begun; while it grows, a button that stops it."""
    content = _content(text, plain=plain) if text.strip() else [_context(f"_{_THINKING}_")]
    if footer is not None:
        return [*content, *under(footer, post.turn_id)]
    return content if post.full else [*content, _actions(button(STOP, "Stop", post.turn_id))]


def under(footer: Footer, turn_id: str) -> list[Block]:
    """What stands under a finished answer."""
    retry = _actions(button(RETRY, "Retry", turn_id))
    line = _context(footer.line(escaped, in_code))
    return [line, _feedback(turn_id), retry] if footer.outcome is Outcome.ANSWERED else [line, retry]


def echo(asker_id: str, question: str, *, plain: bool = False) -> list[Block]:
    """A question that came by a command, as everybody sees it, or its beginning."""
    shown = question if len(question) <= _MOST_OF_QUESTION else f"{question[:_MOST_OF_QUESTION]}…"
    return [_context(f"<@{asker_id}> asks"), *_content(shown, plain=plain)]


def notice(told: Notice, turn_id: str) -> list[Block]:
    """A sentence of ours, and what it offers to do next."""
    buttons = offered(told, turn_id)
    return [_markdown(rendered(told.text)), *([_actions(*buttons)] if buttons else [])]


def offered(told: Notice, turn_id: str) -> list[Block]:
    """The buttons of what a notice offers."""
    if told.offer is None:
        return []
    action, label = _OFFERS[told.offer]
    return [button(action, label, turn_id)]


def leading_away(shown: Sequence[object]) -> list[object]:
    """Blocks without the buttons that are good only where they were made: what is left opens pages."""
    return [block for block in shown if mapping(block).get("type") != "actions" or _opens_pages(mapping(block))]


def _opens_pages(actions: Block) -> bool:
    return all("url" in mapping(each) for each in items(actions.get("elements")))


def alternative(text: str) -> str:
    """What stands for blocks in notifications and screen readers."""
    return escaped(" ".join(text.split())[:150]) or _THINKING


def metadata(turn_id: str, number: int) -> Mapping[str, object]:
    """By what a post of ours is found again; every app in the channel can read it."""
    return {"event_type": METADATA, "event_payload": {"turn": turn_id, "number": number}}


def _content(text: str, *, plain: bool) -> list[Block]:
    """Markdown; or the same without any formatting, which Slack always takes."""
    if not plain:
        return [_markdown(rendered(text))]
    parts = pages(rendered(text), _MOST_IN_SECTION)
    return [{"type": "section", "text": {**plain_text(part.text), "emoji": False}} for part in parts]


def _markdown(text: str) -> Block:
    return {"type": "markdown", "text": text}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text, "verbatim": True}]}


def _actions(*buttons: Block) -> Block:
    return {"type": "actions", "elements": list[Block](buttons)}


def button(action: str, label: str, value: str = "") -> dict[str, object]:
    """A button; `value` comes back when it is pressed."""
    shown: dict[str, object] = {"type": "button", "action_id": action, "text": plain_text(label)}
    return {**shown, "value": value} if value else shown


def plain_text(text: str) -> Block:
    """Text that Slack shows as it is."""
    return {"type": "plain_text", "text": text}


def _feedback(turn_id: str) -> Block:
    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": FEEDBACK,
                "positive_button": _rating("👍", f"+{turn_id}", "This helped"),
                "negative_button": _rating("👎", f"-{turn_id}", "This did not help"),
            }
        ],
    }


def _rating(label: str, value: str, description: str) -> Block:
    text = {"type": "plain_text", "text": label}
    return {"text": text, "value": value, "accessibility_label": description}
