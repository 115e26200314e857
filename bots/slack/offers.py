"""Pure: private sentences with what can be done about them. Whatever a button says is checked when it is pressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bots.slack import blocks
from bots.slack.blocks import button, plain_text
from bots.slack.mrkdwn import fits, names_people, section
from core.channels.choosing import Mapping as Mapped
from core.channels.suspensions import suspension_of
from core.conversation.values import Notice

TOKEN, CONFIRM, LINK, DEFAULT = "enter_token", "confirm", "token_link", "set_default"  # action ids
_FOR_WORKSPACE = "workspace"

_Block = Mapping[str, object]


def said(words: str, *buttons: _Block) -> list[_Block]:
    """A sentence of ours, and buttons under it."""
    shown = [section(words)] if names_people(words) and fits(words) else blocks.notice(Notice(words), "")
    return [*shown, {"type": "actions", "elements": list(buttons)}] if buttons else shown


def enter_token(repository: str | None) -> _Block:
    """Enter the token of a mapping, or of the workspace (None)."""
    return button(TOKEN, "Enter a token", repository or _FOR_WORKSPACE)


def token_of(value: str) -> str | None:
    """The repository whose token that button is for; None for the workspace's."""
    return None if value == _FOR_WORKSPACE else value


def open_page(url: str) -> _Block:
    """To the page where a token is entered."""
    return {**button(LINK, "Enter the token", ""), "url": url}


def ask_again(turn_id: str) -> _Block:
    """Have a question answered once more."""
    return button(blocks.AGAIN, "Ask again", turn_id)


def confirm(mappings: Sequence[Mapped]) -> _Block:
    """Lift the suspension of these mappings."""
    shown = button(CONFIRM, "Confirm the mapping", suspension_of(mappings))
    return shown | {
        "confirm": {
            "title": plain_text("Who reads along?"),
            "text": plain_text("Everybody who can read this channel today will see answers about the repository."),
            "confirm": plain_text("That is fine"),
            "deny": plain_text("Not now"),
        }
    }


def set_default() -> _Block:
    """Set the workspace's default repository."""
    return button(DEFAULT, "Set the default repository", "default")
