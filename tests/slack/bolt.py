"""A real Bolt app without a network, which takes everything and tells what it took."""

from __future__ import annotations

import logging
import re

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult


class Broken(Exception):
    pass


async def _authorized(enterprise_id: str | None, team_id: str | None, user_id: str | None) -> AuthorizeResult:
    return AuthorizeResult(
        enterprise_id=enterprise_id, team_id=team_id, bot_id="B0BOT", bot_user_id="U0BOT", bot_token="xoxb-not-a-token"
    )


def app(*, took: list[object] | None = None, every: bool = True) -> AsyncApp:
    """Takes mentions, /askrepo and buttons, in this order of `took`; the text "break" raises. `every`: the rest too."""
    quiet = logging.getLogger("tests.slack.bolt")
    quiet.setLevel(logging.ERROR)
    bolt = AsyncApp(name="test", logger=quiet, authorize=_authorized, signing_secret="", process_before_response=True)
    taken: list[object] = took if took is not None else []

    @bolt.event("app_mention")
    async def mentioned(event: dict[str, object]) -> None:
        if event.get("text") == "break":
            raise Broken
        taken.append(event.get("text"))

    @bolt.command("/askrepo")
    async def commanded(ack: AsyncAck, command: dict[str, object]) -> None:
        if command.get("text") == "break":
            raise Broken
        taken.append(command.get("text"))
        await ack("taken")

    @bolt.action(re.compile(".*"))
    async def pressed(ack: AsyncAck, action: dict[str, object]) -> None:
        taken.append(action.get("action_id"))
        await ack()

    if every:

        @bolt.event(re.compile(".*"))
        async def unheard() -> None:
            pass

    return bolt
