"""askrepo as benchmarks run it: all that it is, in this process, against the fakes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from bots.roles import Role
from bots.running import freeze_heap, running
from bots.slack.installation import SlackInstallation
from core import bootstrap
from core.conversation.values import ChannelRef
from core.secret import Secret
from core.settings import Settings
from tests.bench.slack_load import Around

_REPOSITORY = "github.com/calcom/cal.com"
_TOKEN = "bench-token-1234"


@contextlib.asynccontextmanager
async def askrepo(around: Around, database_url: str) -> AsyncIterator[str]:
    """askrepo, receiving and answering in this process, with all channels mapped; yields where it listens to Slack."""
    given = Settings.model_validate(
        {
            "DATABASE_URL": database_url,
            "ASKREPO_CHAT_URL": around.chat_url,
            "ASKREPO_CHAT_TOKEN": _TOKEN,
            "ASKREPO_SLACK_API_URL": around.api_url,
            "SLACK_CLIENT_ID": around.client_id,
            "SLACK_CLIENT_SECRET": around.client_secret,
            "SLACK_SIGNING_SECRET": around.signing_secret,
            "ASKREPO_PUBLIC_URL": "https://askrepo.example.com",
            "PORT": "0",
        }
    )
    roles = (Role.WEB, Role.WORKER)
    async with bootstrap.opened(given) as parts, running(parts, roles, host="127.0.0.1") as url:
        now = datetime.now(UTC)
        for team, token, bot, bot_id in around.installations:
            made = SlackInstallation(Secret(token), bot, bot_id, "A1", team, None, ())
            await parts.installations.save(made.workspace, made.payload(), installed_at=now, expires_at=None)
        for team, channel in around.channels:
            await parts.mappings.map(ChannelRef("slack", team, channel), _REPOSITORY, actor="U1")
        freeze_heap()
        yield f"{url}/slack/events"
