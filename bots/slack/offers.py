"""Pure: private sentences with what can be done about them. Whatever a button says is checked when it is pressed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from bots.slack import blocks
from core.channels.choosing import Mapping as Mapped
from core.conversation.values import Notice

TOKEN, CONFIRM, LINK, DEFAULT = "enter_token", "confirm", "token_link", "set_default"  # action ids
_FOR_WORKSPACE = "workspace"

_Block = Mapping[str, object]


def said(words: str, *buttons: _Block) -> list[_Block]:
    """A sentence of ours, and buttons under it."""
    shown: list[_Block] = [*blocks.notice(Notice(words), "")]
    return [*shown, {"type": "actions", "elements": list(buttons)}] if buttons else shown


def enter_token(repository: str | None) -> _Block:
    """Enter the token of a mapping, or of the workspace (None)."""
    return _button(TOKEN, "Enter a token", repository or _FOR_WORKSPACE)


def token_of(value: str) -> str | None:
    """The repository whose token that button is for; None for the workspace's."""
    return None if value == _FOR_WORKSPACE else value


def open_page(url: str) -> _Block:
    """To the page where a token is entered."""
    return {**_button(LINK, "Enter the token", ""), "url": url}


def ask_again(turn_id: str) -> _Block:
    """Have a question answered once more."""
    return _button(blocks.AGAIN, "Ask again", turn_id)


def confirm(mappings: Sequence[Mapped]) -> _Block:
    """Lift the suspension of these mappings."""
    shown = _button(CONFIRM, "Confirm the mapping", suspension(mappings))
    return shown | {
        "confirm": {
            "title": _plain("Who reads along?"),
            "text": _plain("Everybody who can read this channel today will see answers about the repository."),
            "confirm": _plain("That is fine"),
            "deny": _plain("Not now"),
        }
    }


def suspension(mappings: Sequence[Mapped]) -> str:
    """Which suspension a button is about: a later one needs a button of its own. "" where nothing is suspended."""
    marks = sorted(f"{each.repository} {each.suspended_at.isoformat()}" for each in mappings if each.suspended_at)
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:32] if marks else ""


def set_default() -> _Block:
    """Set the workspace's default repository."""
    return _button(DEFAULT, "Set the default repository", "default")


def _button(action: str, label: str, value: str) -> dict[str, object]:
    shown: dict[str, object] = {"type": "button", "action_id": action, "text": _plain(label)}
    return {**shown, "value": value} if value else shown


def _plain(text: str) -> Mapping[str, object]:
    return {"type": "plain_text", "text": text}
