"""Socket Mode over real websockets: two connections that replace each other, and Bolt behind them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from slack_bolt import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.dispatch import dispatched
from bots.slack.envelope import Envelope, acknowledgement, envelope
from bots.slack.hearing import Heard, Silence, Why, due
from bots.slack.payload import Payload
from bots.slack.socket import Socket
from bots.slack.verify import MOST_OCTETS
from core.errors import SettingsError
from core.secret import Secret
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Message
from tests.slack import bolt
from tests.slack.house import World

TICK = 5.0


class Time:
    """A clock of the test's: the watchdog looks when the test says so, every other wait is noted and over at once."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.waits: list[float] = []
        self.passing: Callable[[float], object] = abs
        self._looks = asyncio.Event()
        self._waiting = asyncio.Event()

    def clock(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        if seconds != TICK:
            self.waits.append(seconds)
            self.passing(seconds)
            await asyncio.sleep(0)
            return
        self._waiting.set()
        await self._looks.wait()
        self._looks.clear()

    async def passes(self, seconds: float) -> None:
        """So much later the watchdog has looked once."""
        self.now += seconds
        await self._waiting.wait()
        self._waiting.clear()
        self._looks.set()
        await self._waiting.wait()


@dataclass
class Desk:
    """A Socket in front of Bolt, with what came to it."""

    world: World
    time: Time = field(default_factory=Time)
    took: list[object] = field(default_factory=list)
    began: list[Payload] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    holds: Callable[[Payload], bool] = lambda _: False
    fails: bool = False

    def __post_init__(self) -> None:
        self.app = bolt.app(took=self.took)
        self.socket = self.made(self.world.slack.app.app_token)

    def made(self, token: str, **more: Any) -> Socket:
        clock, pause = self.time.clock, self.time.pause
        return Socket(Secret(token), self.world.slack.api_url[:-1], self.dispatch, clock=clock, pause=pause, **more)

    async def dispatch(self, payload: Payload, headers: Mapping[str, str]) -> BoltResponse:
        self.began.append(payload)
        self.headers.append(headers)
        self.world.slack.change()
        if self.holds(payload):
            await self.open.wait()
        return BoltResponse(status=500) if self.fails else await dispatched(self.app, payload, headers)

    async def asked(self, text: str = "how?") -> Message:
        return await self.world.slack.says(self.world.alice, self.world.general, f"{self.world.askrepo.bot} {text}")

    async def told(self, text: str) -> None:
        """One event, and no more."""
        event = {"type": "app_mention", "channel": self.world.general.id, "user": self.world.alice.id, "text": text}
        await self.world.slack.deliver(event, self.world.askrepo, self.world.general)

    async def connected(self, times: int = 2) -> None:
        """So many connections were made, and the newest are in their places."""
        await self.world.slack.until(lambda: self.world.slack.sockets.accepted >= times)
        await self.socket.ready.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.socket.run())
        self.world.slack.transport = "socket"
        try:
            await self.connected()
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert task.cancelled()


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


@pytest.fixture
async def running(desk: Desk) -> AsyncIterator[Desk]:
    async with desk.running():
        yield desk


def connections(slack: FakeSlack) -> list[Any]:
    return slack.sockets._connections


async def soon(seen: Callable[[], bool]) -> None:
    """It comes about within this process, without a wait for any other."""
    for _ in range(1_000):
        if seen():
            return
        await asyncio.sleep(0)
    raise AssertionError


async def test_an_event_a_command_and_a_button(running: Desk) -> None:
    world = running.world
    await running.asked()
    await world.slack.command(world.alice, world.general, "help")
    assert [each.text for each in world.slack.ephemerals(world.general, world.alice)] == ["taken"]
    client = AsyncWebClient(world.askrepo.token, base_url=world.slack.api_url)
    button = {"type": "button", "action_id": "retry", "text": {"type": "plain_text", "text": "Retry"}}
    blocks = [{"type": "actions", "elements": [button]}]
    posted = await client.chat_postMessage(channel=world.general.id, text="answer", blocks=blocks)
    message = next(each for each in world.slack.posts(world.general) if each.ts == posted["ts"])
    assert (await world.slack.clicks(world.alice, message, "retry")).acknowledged
    assert running.took == [f"{world.askrepo.bot} how?", "help", "retry"]
    assert all(headers == {} for headers in running.headers)


async def test_it_is_acknowledged_only_when_bolt_has_answered(running: Desk) -> None:
    slack = running.world.slack
    running.holds = lambda _: True
    asking = asyncio.create_task(running.told("hi"))
    await slack.until(lambda: running.began)
    await running.time.passes(TICK)
    assert not slack.sockets._acknowledged
    running.open.set()
    await asking
    assert (len(slack.sockets._acknowledged), running.took) == (1, ["hi"])


async def test_what_was_not_acknowledged_comes_again_and_is_taken_once(running: Desk) -> None:
    slack = running.world.slack
    slack.allows("not_acknowledged")
    running.fails = True
    slack.pushing.deadline = 0.1
    await running.told("hi")
    assert (slack.deliveries[-1].reason, running.took) == ("timeout", [])
    running.fails = False
    slack.pushing.deadline = 3
    (again,) = await slack.retries()
    assert again.acknowledged
    assert running.took == ["hi"]
    assert running.headers == [{}, {"x-slack-retry-num": "1", "x-slack-retry-reason": "timeout"}]


async def test_no_answer_waits_for_another(running: Desk) -> None:
    running.holds = lambda payload: "slow" in json.dumps(payload)
    slow = asyncio.create_task(running.told("slow"))
    await running.world.slack.until(lambda: running.began)
    await asyncio.gather(*(running.told(f"{number}") for number in range(20)))
    assert sorted(map(str, running.took)) == sorted(map(str, range(20)))
    running.open.set()
    await slow


async def test_so_many_at_once_and_the_rest_later(running: Desk) -> None:
    slack = running.world.slack
    slack.pushing.deadline = 60
    running.holds = lambda _: True
    asking = [asyncio.create_task(running.told(f"{number}")) for number in range(520)]
    await slack.until(lambda: len(running.began) >= 500)
    await running.time.passes(TICK)
    assert len(running.began) == 500
    running.open.set()
    await asyncio.gather(*asking)
    assert len(set(running.took)) == len(running.took) == 520


async def test_each_payload_comes_over_one_of_two_connections(running: Desk) -> None:
    used: list[object] = []
    sockets = running.world.slack.sockets
    running.holds = lambda _: used.extend(socket for _, socket, _ in sockets._waiting.values()) or False  # type: ignore[func-returns-value]
    for number in range(6):
        await running.told(f"{number}")
    assert sockets.open == 2
    assert [used.count(each) for each in connections(running.world.slack)] == [3, 3]
    assert running.took == [f"{number}" for number in range(6)]


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_the_next_connection_is_there_before_the_last_one_goes(
    running: Desk, reason: Literal["warning", "refresh_requested"]
) -> None:
    slack = running.world.slack
    before = connections(slack)[:]
    running.time.now += 3_000
    await slack.sockets.disconnect(reason, close=False)
    await running.connected(4)
    assert all(not each.closed for each in before)
    await asyncio.gather(*(running.told(f"{number}") for number in range(8)))
    assert len(running.took) == 8
    assert running.time.waits == []


async def test_ten_reconnects_lose_nothing(running: Desk) -> None:
    slack = running.world.slack
    slack.allows("not_acknowledged")
    for number in range(10):
        asking = [asyncio.create_task(running.told(f"{number}.{each}")) for each in range(4)]
        await slack.until(lambda: running.began)
        await slack.sockets.disconnect("refresh_requested")
        await running.connected(4 + 2 * number)
        await asyncio.gather(*asking)
        await slack.until(lambda: slack.sockets.open == 2)
        slack.advance(61)  # Slack counts calls by the minute
    slack.advance(301)
    await slack.retries()
    assert len(slack.called("apps.connections.open")) == slack.sockets.accepted == 22
    assert {str(each) for each in running.took} == {f"{n}.{each}" for n in range(10) for each in range(4)}
    assert max(running.time.waits) <= 60
    assert len(running.socket._all) <= 6


async def test_a_lost_connection_is_replaced_and_what_was_on_it_comes_again(running: Desk) -> None:
    slack = running.world.slack
    slack.allows("not_acknowledged")
    running.time.now += 3_000
    running.holds = lambda _: True
    asking = asyncio.create_task(running.told("hi"))
    await slack.until(lambda: running.began)
    await slack.sockets.cut()
    await asking
    assert slack.deliveries[-1].reason == "connection_failed"
    running.open.set()
    await running.connected(4)
    (again,) = await slack.retries()
    assert (again.acknowledged, running.time.waits) == (True, [])


async def test_it_is_ready_while_a_connection_is_there(running: Desk) -> None:
    slack = running.world.slack
    hold = asyncio.Event()
    running.time.passing = lambda _: slack.change()
    slack.fail("apps.connections.open", hold=hold, times=2)
    await slack.sockets.cut()
    await slack.until(lambda: not running.socket.ready.is_set())
    hold.set()
    await running.connected(4)


@pytest.mark.parametrize("cut", ["link_disabled", "start"])
async def test_socket_mode_that_is_switched_off_is_told_and_final(desk: Desk, cut: str) -> None:
    slack = desk.world.slack
    slack.app.socket_mode = cut != "start"
    task = asyncio.create_task(desk.socket.run())
    if cut == "link_disabled":
        await desk.connected()
        await slack.sockets.disconnect("link_disabled")
        slack.app.socket_mode = True  # what counts is what Slack said
    with pytest.raises(SettingsError, match="SLACK_APP_TOKEN: Socket Mode is switched off"):
        await task
    assert not desk.socket.ready.is_set()


@pytest.mark.parametrize(
    ("token", "problem"), [("xapp-1-wrong", "invalid_auth"), ("xoxb-wrong", "app-level token"), ("", "empty")]
)
async def test_a_wrong_token_is_told_and_final(desk: Desk, token: str, problem: str) -> None:
    desk.world.slack.allows("not_allowed_token_type")
    with pytest.raises(SettingsError, match=problem) as raised:
        await desk.made(token).run()
    assert raised.value.name == "SLACK_APP_TOKEN"
    assert not token or token not in str(raised.value)


class Spent(dict[str, float]):
    """Tickets of which somebody else has used the first."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number
        self.seen: list[str] = []

    def pop(self, ticket: str, *default: Any) -> Any:
        self.seen.append(ticket)
        self.number -= 1
        return None if self.number >= 0 else super().pop(ticket, *default)


async def test_a_spent_ticket_is_not_tried_again_nor_told(
    desk: Desk, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    slack = desk.world.slack
    slack.allows("spent_ticket")
    slack.tickets = tickets = Spent(3)
    with caplog.at_level(logging.DEBUG):
        async with desk.running():
            await desk.told("hi")
    assert (slack.sockets.refused_tickets, slack.sockets.accepted) == (3, 2)
    assert len(set(tickets.seen)) == len(slack.called("apps.connections.open")) == 5
    written = "".join([caplog.text, *capfd.readouterr()])
    assert written.count("WSServerHandshakeError 403") == 1
    for secret in (slack.app.app_token, "ticket=", *tickets.seen):
        assert secret not in written


async def test_slack_is_asked_again_and_again_with_longer_waits(desk: Desk) -> None:
    slack = desk.world.slack
    slack.fail("apps.connections.open", error="internal_error", times=9)
    slack.fail("apps.connections.open", html=True, status=502, times=4)
    slack.fail("apps.connections.open", drop="after", times=5)
    async with desk.running():
        await desk.told("hi")
    assert len(desk.time.waits) == 18
    assert min(desk.time.waits) < 1
    assert 25 < max(desk.time.waits) <= 60


@pytest.mark.parametrize(("told", "waited"), [(7, 7), (0, 1), (None, 30)])
async def test_it_waits_as_long_as_slack_says(desk: Desk, told: int | None, waited: float) -> None:
    slack = desk.world.slack
    desk.time.passing = slack.advance
    slack.fail("apps.connections.open", status=429, retry_after=told)
    async with desk.running():
        assert desk.time.waits == [waited]


async def test_each_is_renewed_before_its_end_and_never_both_at_once(running: Desk) -> None:
    slack, began = running.world.slack, running.time.now
    # by hello's word a connection lives for an hour: place 1 goes after 1,800 seconds the first time, else 2,700
    for seconds, made in ((1_700, 2), (1_900, 3), (2_600, 3), (2_800, 4), (4_500, 4), (4_700, 5), (5_400, 5)):
        while running.time.now < began + seconds:
            running.time.now += 100
            await asyncio.gather(running.told("0"), running.told("1"))
        await running.time.passes(0)
        await running.connected(made)
        await slack.until(lambda: slack.sockets.open == 2)
        await running.told("hi")
        assert slack.sockets.accepted == made
    assert len(running.socket._all) == 2


async def test_what_both_hear_is_no_deafness(running: Desk) -> None:
    for number in range(20):
        running.time.now += 10
        await running.told(f"{number}")
    await running.time.passes(61)
    assert [each is not None and each.why.done() for each in running.socket._current] == [False, False]


async def test_a_deaf_connection_is_replaced(running: Desk) -> None:
    slack = running.world.slack
    slack.allows("not_acknowledged")
    slack.pushing.deadline = 0.05
    deaf = connections(slack)[0]
    while len(running.took) < 8:
        sockets = slack.sockets
        sockets.deaf = connections(slack)[(sockets._turn + 1) % 2] is deaf
        await running.told(f"{sockets._turn}")
    slack.sockets.deaf = False
    slack.pushing.deadline = 3
    await running.time.passes(61)
    await running.connected(3)
    await slack.until(lambda: slack.sockets.open == 2 and deaf not in connections(slack))
    await running.time.passes(61)
    assert slack.sockets.accepted == 3


async def test_both_deaf_after_busy_times_are_replaced_one_after_the_other(running: Desk) -> None:
    slack = running.world.slack
    slack.allows("not_acknowledged")
    for number in range(16):
        running.time.now += 1
        await running.told(f"{number}")
    slack.sockets.deaf = True
    slack.pushing.deadline = 0.05
    await running.told("lost")
    await running.time.passes(61)
    await running.connected(3)
    await slack.until(lambda: slack.sockets.open == 2)
    await running.time.passes(TICK)
    await running.connected(4)
    await slack.until(lambda: slack.sockets.open == 2)
    slack.sockets.deaf = False
    slack.pushing.deadline = 3
    await slack.retries()
    assert running.took[-1] == "lost"


@pytest.mark.parametrize("text", ["[" * 100_000, "{}", "[]", "nonsense", '{"envelope_id": 5, "payload": {}}'])
async def test_frames_that_are_no_envelopes_are_passed_over(running: Desk, text: str) -> None:
    slack = running.world.slack
    for each in connections(slack):
        await each.send_str(text)
        await each.send_str(json.dumps({"envelope_id": "1", "payload": {"text": "x" * MOST_OCTETS}}))
    await asyncio.gather(running.told("0"), running.told("1"))
    assert (len(running.began), slack.sockets.accepted) == (2, 2)


async def test_the_end_waits_for_what_has_begun_and_reads_no_more(desk: Desk) -> None:
    slack = desk.world.slack
    slack.allows("not_acknowledged")
    slack.transport = "socket"
    desk.holds = lambda _: True
    task = asyncio.create_task(desk.socket.run())
    await desk.connected()
    asking = asyncio.create_task(desk.told("hi"))
    await slack.until(lambda: desk.began)
    task.cancel()
    await soon(lambda: not desk.socket.ready.is_set())
    late = asyncio.create_task(desk.told("late"))
    await soon(lambda: len(slack.sockets._waiting) == 2)
    desk.open.set()
    await asyncio.gather(asking, late)
    await asyncio.wait({task})
    assert task.cancelled()
    assert [each.reason for each in slack.deliveries] == ["", "connection_failed"]
    assert (desk.took, slack.sockets.open) == (["hi"], 0)


async def test_the_end_does_not_wait_for_ever(desk: Desk) -> None:
    slack = desk.world.slack
    slack.allows("not_acknowledged")
    desk.socket = desk.made(slack.app.app_token, finish_seconds=0.01)
    desk.holds = lambda _: True
    async with desk.running():
        asking = asyncio.create_task(desk.told("hi"))
        await slack.until(lambda: desk.began)
    await asking
    assert (slack.deliveries[-1].reason, slack.sockets.open) == ("connection_failed", 0)


async def test_the_same_envelope_twice_with_mixed_attempts_reaches_the_intake_each_time(running: Desk) -> None:
    slack = running.world.slack
    socket = connections(slack)[0]
    payload = slack.envelope({"type": "app_mention", "text": "hi"}, running.world.askrepo, running.world.general, "")
    for attempt in (0, 1, 0, 1):
        frame = {"envelope_id": "E1", "type": "events_api", "payload": payload, "retry_attempt": attempt}
        await socket.send_json(frame)
    await slack.until(lambda: len(running.began) == 4)
    assert sorted(headers.get("x-slack-retry-num", "0") for headers in running.headers) == ["0", "0", "1", "1"]


@pytest.mark.parametrize(
    ("connections", "now", "expected"),
    [
        ([Heard(0, 1_000), Heard(0, 1_000)], 599, None),
        ([Heard(0, 1_000), Heard(0, 1_000)], 600, (0, Why.QUIET)),
        ([Heard(600, 2_000), Heard(0, 2_000)], 605, (1, Why.QUIET)),
        ([Heard(0, 1_000), Heard(0, 700)], 700, (1, Why.OLD)),
        ([Heard(0, 1_000, missed=7), Heard(60, 1_000)], 60, None),
        ([Heard(0, 1_000, missed=8), Heard(59, 1_000)], 59, None),
        ([Heard(60, 1_000), Heard(0, 1_000, missed=8)], 60, (1, Why.DEAF)),
    ],
)
def test_which_connection_is_due(connections: list[Heard], now: float, expected: tuple[int, Why] | None) -> None:
    assert due(connections, Silence(0), now) == expected


def test_silence_is_suspected_sooner_in_busy_times_and_later_each_time() -> None:
    silence = Silence(0)
    assert silence.patience == 600
    for second in range(16):
        silence.broken(second)
    patience = []
    for _ in range(10):
        patience.append(silence.patience)
        silence.suspected()
    assert patience == [60, 60, 120, 120, 240, 240, 480, 480, 600, 600]
    silence.broken(500)
    assert silence.patience == 600


def test_what_an_envelope_is() -> None:
    assert envelope({"envelope_id": "1", "payload": {"a": 1}}) == Envelope("1", {"a": 1}, False, {})
    assert envelope({"envelope_id": "1", "payload": {}, "retry_attempt": 0, "retry_reason": ""}) == Envelope(
        "1", {}, False, {}
    )
    none: list[Payload] = [{"envelope_id": "", "payload": {}}, {"envelope_id": "1", "payload": "x"}, {"payload": {}}]
    assert [envelope(frame) for frame in none] == [None] * 3


@pytest.mark.parametrize(
    ("takes", "answer", "expected"),
    [
        (True, BoltResponse(status=200, body="taken"), {"envelope_id": "1", "payload": {"text": "taken"}}),
        (True, BoltResponse(status=200, body={"a": 1}), {"envelope_id": "1", "payload": {"a": 1}}),
        (True, BoltResponse(status=200), {"envelope_id": "1"}),
        (False, BoltResponse(status=200, body="taken"), {"envelope_id": "1"}),
        (True, BoltResponse(status=404, body="taken"), None),
        (True, BoltResponse(status=500), None),
    ],
)
def test_what_is_sent_back(takes: bool, answer: BoltResponse, expected: dict[str, object] | None) -> None:
    sent = acknowledgement(Envelope("1", {}, takes, {}), answer)
    assert (None if sent is None else sent.to_dict()) == expected
