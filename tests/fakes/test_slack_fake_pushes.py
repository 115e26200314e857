"""The fake Slack as it speaks to the app: events and their retries, commands, clicks, modals, Socket Mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.fakes.conftest import House
from tests.fakes.slack_receiver import Receiver


async def test_a_mention_is_told_twice(house: House, app: Receiver) -> None:
    said = await house.slack.says(house.alice, house.general, f"{house.askrepo.bot} is a < b & c? https://x.example")
    one, two = sorted(app.heard, key=lambda each: each["event"]["type"])
    assert (one["event"]["type"], two["event"]["type"]) == ("app_mention", "message")
    assert one["event_id"] != two["event_id"]
    assert {each["event"]["ts"] for each in (one, two)} == {said.ts}
    assert two["event"]["text"] == f"{house.askrepo.bot} is a &lt; b &amp; c? <https://x.example>"
    assert two["event"]["channel_type"] == "channel"
    assert two["authorizations"][0]["user_id"] == house.askrepo.bot.id
    assert all(delivery.acknowledged for delivery in house.slack.deliveries)


async def test_direct_messages_threads_and_files(house: House, app: Receiver) -> None:
    dm = house.slack.dm(house.alice)
    first = await house.slack.says(house.alice, dm, f"{house.askrepo.bot} hello")
    file = house.slack.file(house.alice, "notes.txt", "text")
    await house.slack.says(house.alice, dm, "and this", thread=first, files=[file])
    assert [(each["type"], each["channel_type"], each.get("subtype")) for each in app.events] == [
        ("message", "im", None),
        ("message", "im", "file_share"),
    ]
    assert app.events[1]["thread_ts"] == first.ts
    url = app.events[1]["files"][0]["url_private"]
    headers = {"Authorization": f"Bearer {house.askrepo.token}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        assert await response.text() == "text"


async def test_nothing_is_told_of_what_the_app_may_not_know(house: House, app: Receiver) -> None:
    elsewhere = house.slack.channel(house.team, "elsewhere", house.alice, bot=False)
    await house.slack.says(house.alice, elsewhere, "psst")
    house.askrepo.scopes.discard("channels:history")
    await house.slack.says(house.alice, house.general, "psst")
    house.slack.subscriptions.discard("app_mention")
    await house.slack.says(house.alice, house.general, f"{house.askrepo.bot} psst")
    assert app.heard == []


async def test_edits_and_deletes(house: House, app: Receiver) -> None:
    said = await house.slack.says(house.alice, house.general, "one")
    await house.slack.edits(said, "two")
    await house.slack.deletes(said)
    _, edit, deletion = app.events
    assert (edit["subtype"], edit["message"]["text"], edit["previous_message"]["text"]) == (
        "message_changed",
        "two",
        "one",
    )
    assert (deletion["subtype"], deletion["deleted_ts"]) == ("message_deleted", said.ts)


async def test_the_app_hears_of_its_own_posts(house: House, app: Receiver) -> None:
    posted = await house.client.chat_postMessage(channel=house.general.id, text="mine")
    await house.client.chat_update(channel=house.general.id, ts=posted["ts"], text="mine too")
    await house.slack.told()
    told = {each.get("subtype", ""): each for each in app.events}
    assert told[""]["bot_id"] == house.askrepo.bot_id
    assert told["message_changed"]["message"]["text"] == "mine too"


async def test_the_request_url_is_verified(house: House, app: Receiver) -> None:
    async def answers(payload: dict[str, Any]) -> web.Response:
        return web.json_response({"challenge": payload["challenge"]})

    assert not await house.slack.verifies_url()
    app.answer = answers
    assert await house.slack.verifies_url()


async def test_a_root_with_replies_leaves_a_tombstone(house: House, app: Receiver) -> None:
    root = await house.slack.says(house.alice, house.general, "one")
    await house.slack.says(house.alice, house.general, "two", thread=root)
    await house.slack.deletes(root)
    assert app.events[-1]["subtype"] == "message_changed"
    assert app.events[-1]["message"]["subtype"] == "tombstone"


async def test_retries_come_on_schedule(house: House, app: Receiver) -> None:
    async def down(payload: dict[str, Any]) -> web.Response:
        return web.Response(status=500)

    app.answer = down
    await house.slack.says(house.alice, house.general, "hello?")
    assert [each.code for each in house.slack.violations] == ["not_acknowledged"]
    house.slack.allows("not_acknowledged")
    assert len(await house.slack.retries()) == 1
    assert await house.slack.retries() == []
    house.slack.advance(60)
    assert len(await house.slack.retries()) == 1
    house.slack.advance(299)
    assert await house.slack.retries() == []
    house.slack.advance(1)
    assert len(await house.slack.retries()) == 1
    house.slack.advance(86_400)
    assert await house.slack.retries() == []
    assert [each.get("x-slack-retry-num") for each in app.headers] == [None, "1", "2", "3"]
    assert {each.get("x-slack-retry-reason") for each in app.headers[1:]} == {"http_error"}
    assert len({each["event_id"] for each in app.heard}) == 1


async def test_a_late_acknowledgement_is_none(house: House, app: Receiver) -> None:
    held = asyncio.Event()

    async def slow(payload: dict[str, Any]) -> web.Response:
        await held.wait()
        return web.Response()

    app.answer = slow
    house.slack.pushing.deadline = 0.05
    house.slack.allows("not_acknowledged")
    await house.slack.says(house.alice, house.general, "hello?")
    (delivery,) = house.slack.deliveries
    assert delivery.reason == "http_timeout"
    held.set()
    (again,) = await house.slack.retries()
    assert again.acknowledged
    assert app.headers[-1]["x-slack-retry-reason"] == "http_timeout"


async def test_no_retry_where_the_app_says_so(house: House, app: Receiver) -> None:
    async def never(payload: dict[str, Any]) -> web.Response:
        return web.Response(status=404, headers={"x-slack-no-retry": "1"})

    app.answer = never
    house.slack.allows("not_acknowledged")
    await house.slack.says(house.alice, house.general, "hello?")
    assert await house.slack.retries() == []


async def test_a_command_and_its_response_url(house: House, app: Receiver) -> None:
    async def answers(payload: dict[str, Any]) -> web.Response:
        return web.json_response({"text": "help yourself"})

    app.answer = answers
    delivery = await house.slack.command(house.alice, house.general, "explain the payload")
    assert delivery.payload["text"] == app.heard[0]["text"] == "explain the payload"
    assert [each.text for each in house.slack.ephemerals(house.general, house.alice)] == ["help yourself"]
    hook = AsyncWebhookClient(app.heard[0]["response_url"])
    assert (await hook.send(text="private")).status_code == 200
    assert (await hook.send(text="changed", replace_original=True)).status_code == 200
    assert (await hook.send(text="public", response_type="in_channel")).status_code == 200
    assert [each.text for each in house.slack.ephemerals(house.general, house.alice)] == ["help yourself", "changed"]
    assert [each.text for each in house.slack.posts(house.general)] == ["public"]
    await hook.send(text="4")
    await hook.send(text="5")
    assert (await hook.send(text="6")).status_code == 404
    assert [each.code for each in house.slack.violations] == ["used_url"]
    house.slack.allows("used_url")


async def test_a_response_url_ends(house: House, app: Receiver) -> None:
    await house.slack.command(house.alice, house.general)
    house.slack.advance(1801)
    assert (await AsyncWebhookClient(app.heard[0]["response_url"]).send(text="late")).status_code == 404


MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "map",
    "title": {"type": "plain_text", "text": "Map"},
    "submit": {"type": "plain_text", "text": "Save"},
    "notify_on_close": True,
    "blocks": [
        {
            "type": "input",
            "block_id": "repository",
            "label": {"type": "plain_text", "text": "Repository"},
            "element": {"type": "plain_text_input", "action_id": "name", "max_length": 100},
        }
    ],
}


async def test_a_modal_from_trigger_to_end(house: House, app: Receiver) -> None:
    await house.slack.command(house.alice, house.general, "map")
    opened = await house.client.views_open(trigger_id=app.heard[0]["trigger_id"], view=MODAL)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await house.client.views_open(trigger_id=app.heard[0]["trigger_id"], view=MODAL)
    house.slack.allows("exchanged_trigger_id")
    modal = house.slack.modal(house.alice)
    assert modal is not None
    assert modal.id == opened["view"]["id"]
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await house.client.views_update(view_id=modal.id, hash="old", view=MODAL)

    async def refuses(payload: dict[str, Any]) -> web.Response:
        return web.json_response({"response_action": "errors", "errors": {"repository": "no such repository"}})

    app.answer = refuses
    refusal = await house.slack.submits(house.alice, modal, name="o/n")
    assert refusal.answer["errors"] == {"repository": "no such repository"}
    assert app.heard[-1]["view"]["state"]["values"]["repository"]["name"]["value"] == "o/n"
    assert house.slack.modal(house.alice) is modal

    async def closes(payload: dict[str, Any]) -> web.Response:
        return web.Response()

    app.answer = closes
    await house.slack.submits(house.alice, modal, name="o/m")
    assert house.slack.modal(house.alice) is None
    house.slack.views[modal.id] = modal
    with pytest.raises(AssertionError, match="must be filled in"):
        await house.slack.submits(house.alice, modal)
    await house.slack.closes(house.alice, modal)
    assert app.heard[-1]["type"] == "view_closed"


async def test_errors_at_a_field_that_is_none(house: House, app: Receiver) -> None:
    await house.slack.command(house.alice, house.general, "map")
    await house.client.views_open(trigger_id=app.heard[0]["trigger_id"], view=MODAL)

    async def refuses(payload: dict[str, Any]) -> web.Response:
        return web.json_response({"response_action": "errors", "errors": {"token": "what token?"}})

    app.answer = refuses
    modal = house.slack.modal(house.alice)
    assert modal is not None
    await house.slack.submits(house.alice, modal, name="o/n")
    assert [each.code for each in house.slack.violations] == ["invalid_view_errors"]
    house.slack.allows("invalid_view_errors")


async def test_a_trigger_lives_three_seconds(house: House, app: Receiver) -> None:
    await house.slack.command(house.alice, house.general, "map")
    house.slack.advance(3.5)
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await house.client.views_open(trigger_id=app.heard[0]["trigger_id"], view=MODAL)


@pytest.mark.parametrize(
    "change",
    [
        {"title": {"type": "plain_text", "text": "x" * 25}},
        {"private_metadata": "x" * 3_001},
        {"submit": None},
        {"blocks": [{"type": "divider"}] * 101},
        {"blocks": [{"type": "markdown", "text": "t"}]},
        {"colour": "red"},
    ],
)
async def test_what_no_modal_may_be(house: House, app: Receiver, change: dict[str, Any]) -> None:
    await house.slack.command(house.alice, house.general, "map")
    view = {name: value for name, value in (MODAL | change).items() if value is not None}
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await house.client.views_open(trigger_id=app.heard[0]["trigger_id"], view=view)
    house.slack.allows("invalid_arguments")


async def test_clicks_and_feedback(house: House, app: Receiver) -> None:
    feedback = {
        "type": "feedback_buttons",
        "action_id": "feedback",
        "positive_button": {"text": {"type": "plain_text", "text": "Good"}, "value": "up"},
        "negative_button": {"text": {"type": "plain_text", "text": "Bad"}, "value": "down"},
    }
    retry = {"type": "button", "action_id": "retry", "text": {"type": "plain_text", "text": "Retry"}, "value": "7"}
    blocks = [{"type": "context_actions", "elements": [feedback]}, {"type": "actions", "elements": [retry]}]
    posted = await house.client.chat_postMessage(channel=house.general.id, text="t", blocks=blocks)
    message = house.general.messages[posted["ts"]]
    await house.slack.told()
    await house.slack.clicks(house.alice, message, "feedback", "negative")
    await house.slack.clicks(house.alice, message, "retry")
    one, two = (each for each in app.heard if each.get("type") == "block_actions")
    assert one["actions"][0]["value"] == "down"
    assert (two["actions"][0]["value"], two["container"]["message_ts"]) == ("7", message.ts)
    with pytest.raises(AssertionError, match="nobody can see"):
        await house.slack.clicks(house.alice, message, "stop")
    await AsyncWebhookClient(two["response_url"]).send(text="gone", replace_original=True)
    assert message.shown == "gone"


async def test_shortcut_home_and_membership(house: House, app: Receiver) -> None:
    said = await house.slack.says(house.alice, house.general, "what is this?")
    await house.slack.shortcut(house.alice, said, "ask_about_message")
    assert (app.heard[-1]["type"], app.heard[-1]["message"]["ts"]) == ("message_action", said.ts)
    await house.slack.opens_home(house.alice)
    assert app.events[-1]["tab"] == "home"
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    await house.client.views_publish(user_id=house.alice.id, view=home)
    assert house.slack.home(house.alice) is not None
    await house.slack.kicks_bot(house.general)
    assert (app.events[-1]["type"], app.events[-1]["user"]) == ("member_left_channel", house.askrepo.bot.id)
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await house.client.chat_postMessage(channel=house.general.id, text="t")
    await house.slack.changes_id(house.general, "C0NEW")
    assert app.events[-1]["new_channel_id"] == "C0NEW"
    await house.slack.uninstalls(house.askrepo)
    assert [each["type"] for each in app.events[-2:]] == ["tokens_revoked", "app_uninstalled"]


@dataclass
class Listener:
    """A real Socket Mode client that acknowledges what it is told to."""

    client: SocketModeClient
    heard: list[SocketModeRequest] = field(default_factory=list)
    acknowledges: bool = True
    payload: dict[str, Any] | None = None

    async def __call__(self, client: Any, request: SocketModeRequest) -> None:
        self.heard.append(request)
        if self.acknowledges:
            await client.send_socket_mode_response(SocketModeResponse(request.envelope_id, self.payload))


@pytest.fixture
async def socket(house: House) -> AsyncIterator[Listener]:
    client = SocketModeClient(house.slack.app.app_token, web_client=house.client, ping_interval=1)
    listener = Listener(client)
    client.socket_mode_request_listeners.append(listener)
    await client.connect()  # type: ignore[no-untyped-call]
    house.slack.transport = "socket"
    await house.slack.until(lambda: house.slack.sockets.open)
    yield listener
    await client.close()  # type: ignore[no-untyped-call]


async def test_the_same_over_socket_mode(house: House, socket: Listener) -> None:
    await house.slack.says(house.alice, house.general, f"{house.askrepo.bot} hello")
    assert sorted(each.payload["event"]["type"] for each in socket.heard) == ["app_mention", "message"]
    socket.payload = {"text": "help yourself"}
    await house.slack.command(house.alice, house.general, "help")
    assert (socket.heard[-1].type, socket.heard[-1].payload["text"]) == ("slash_commands", "help")
    assert [each.text for each in house.slack.ephemerals(house.general, house.alice)] == ["help yourself"]


async def test_an_envelope_without_acknowledgement_comes_again(house: House, socket: Listener) -> None:
    house.slack.pushing.deadline = 0.1
    house.slack.allows("not_acknowledged")
    socket.acknowledges = False
    await house.slack.says(house.alice, house.general, "hello?")
    socket.acknowledges = True
    house.slack.pushing.deadline = 3
    (again,) = await house.slack.retries()
    assert again.acknowledged
    assert (socket.heard[-1].retry_attempt, socket.heard[-1].retry_reason) == (1, "timeout")


async def test_what_happens_with_no_socket_open_comes_later(house: House, socket: Listener) -> None:
    await socket.client.disconnect()  # type: ignore[no-untyped-call]
    socket.client.auto_reconnect_enabled = False
    await house.slack.until(lambda: not house.slack.sockets.open)
    house.slack.allows("not_acknowledged")
    await house.slack.says(house.alice, house.general, "hello?")
    await socket.client.connect_to_new_endpoint(force=True)
    await house.slack.until(lambda: house.slack.sockets.open)
    (again,) = await house.slack.retries()
    assert again.acknowledged


async def test_a_refresh_brings_the_client_back(house: House, socket: Listener) -> None:
    await house.slack.sockets.disconnect("refresh_requested")
    await house.slack.until(lambda: house.slack.sockets.accepted == 2 and house.slack.sockets.open == 1)
    await house.slack.says(house.alice, house.general, "hello?")
    assert socket.heard[-1].payload["event"]["text"] == "hello?"


async def test_a_ticket_works_once(house: House) -> None:
    opened = await house.client.apps_connections_open(app_token=house.slack.app.app_token)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(opened["url"]) as socket:
            assert (await socket.receive_json())["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(opened["url"])
    assert [each.code for each in house.slack.violations] == ["spent_ticket"]
    house.slack.allows("spent_ticket")


async def test_ten_connections_and_no_more(house: House) -> None:
    async with aiohttp.ClientSession() as session:
        frames, sockets = [], []
        for _ in range(11):
            opened = await house.client.apps_connections_open(app_token=house.slack.app.app_token)
            sockets.append(await session.ws_connect(opened["url"]))
            frames.append((await sockets[-1].receive_json()).get("reason", "hello"))
        assert frames == ["hello"] * 10 + ["too_many_websockets"]
    house.slack.allows("too_many_websockets")


async def test_socket_mode_can_be_switched_off(house: House) -> None:
    await house.slack.sockets.disconnect("link_disabled")
    with pytest.raises(SlackApiError, match="not_enabled"):
        await house.client.apps_connections_open(app_token=house.slack.app.app_token)


async def test_connections_can_be_cut_and_be_deaf(house: House) -> None:
    opened = await house.client.apps_connections_open(app_token=house.slack.app.app_token)
    house.slack.transport = "socket"
    house.slack.pushing.deadline = 0.05
    house.slack.allows("not_acknowledged")
    async with aiohttp.ClientSession() as session, session.ws_connect(opened["url"]) as socket:
        assert (await socket.receive_json())["type"] == "hello"
        house.slack.sockets.deaf = True
        await house.slack.says(house.alice, house.general, "hello?")
        await house.slack.sockets.cut()
        assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
    assert not house.slack.sockets.open
    assert [each.reason for each in house.slack.deliveries] == ["timeout"]
