"""Pure: the blocks of our messages. Every id in a button is checked again when it is pressed."""

from __future__ import annotations

from collections.abc import Mapping

from bots.slack.outgoing import escaped, rendered
from core.conversation.values import Notice, Offer, Outcome
from core.relay.delivery import Footer, Post

Block = Mapping[str, object]

RETRY, STOP, FEEDBACK, MAP, AGAIN = "retry", "stop", "feedback", "map", "again"  # action ids
METADATA = "askrepo_post"  # the type of the metadata by which we find our own posts again
_THINKING = "Looking through the code…"
_OFFERS = {Offer.MAP: (MAP, "Map a repository"), Offer.AGAIN: (AGAIN, "Ask again")}


def answer(text: str, post: Post, footer: Footer | None) -> list[Block]:
    """A post of an answer. Without text yet, a sign that work has begun; while it grows, a button that stops it."""
    content = _markdown(rendered(text)) if text.strip() else _context(f"_{_THINKING}_")
    if footer is not None:
        return [content, *under(footer, post.turn_id)]
    return [content] if post.full else [content, _actions(button(STOP, "Stop", post.turn_id))]


def under(footer: Footer, turn_id: str) -> list[Block]:
    """What stands under a finished answer."""
    retry = _actions(button(RETRY, "Retry", turn_id))
    if footer.outcome is not Outcome.ANSWERED:
        return [_context(footer.line(escaped)), retry]
    return [_context(footer.line(escaped)), _feedback(turn_id), retry]


def echo(asker_id: str, question: str) -> list[Block]:
    """A question that came by a command, as everybody sees it."""
    return [_context(f"<@{asker_id}> asks"), _markdown(rendered(question))]


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


def alternative(text: str) -> str:
    """What stands for blocks in notifications and screen readers."""
    return escaped(" ".join(text.split())[:150]) or _THINKING


def metadata(turn_id: str, number: int) -> Mapping[str, object]:
    """By what a post of ours is found again; every app in the channel can read it."""
    return {"event_type": METADATA, "event_payload": {"turn": turn_id, "number": number}}


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
