"""Slack tells that it sends no more events for a while: that is taken, and its operator reads of it."""

from __future__ import annotations

import structlog

from core.bootstrap import App
from tests.fakes.slack_pushing import Delivery
from tests.slack.house import World
from tests.slack.payloads import payload


async def test_it_is_acknowledged_and_told_once_a_minute(world: World, app: App) -> None:
    with structlog.testing.capture_logs() as lines:
        for minute, team in enumerate(("T0HOME0001", "T0HOME0001", "T0HOME0002")):
            limited = payload("app_rate_limited", team_id=team, minute_rate_limited=1760000100 + minute * 60)
            told = await world.slack.pushing.push(Delivery("events_api", limited))
            assert told.acknowledged
    said = [(line["workspace"], line["log_level"]) for line in lines if line["event"] == "slack holds events back"]
    assert said == [("T0HOME0001", "warning"), ("T0HOME0002", "warning")]
