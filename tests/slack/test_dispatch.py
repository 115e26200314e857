"""Real Bolt behind the guard, and called as Socket Mode calls it: the same answer by both ways."""

from __future__ import annotations

import json
from typing import TypeAlias

import pytest

from bots.slack.dispatch import Dispatch, dispatched
from bots.slack.guard import Guard
from bots.slack.payload import Payload
from tests.slack import bolt
from tests.slack.signing import (
    FORM,
    NOW,
    SECRETS,
    Request,
    answered,
    as_form,
    as_json,
    as_payload,
    command,
    event,
    interaction,
    signed,
)

Case: TypeAlias = tuple[Request, Payload, int, list[object]]


def asked(text: str) -> Case:
    return signed(as_form(command(text)), FORM), {**command(text)}, 200, [text]


CASES: list[Case] = [
    *map(asked, ("how?", "explain the payload format", "payload", "payload={}&payload={}", "")),
    (signed(as_json(event(text="hi"))), event(text="hi"), 200, ["hi"]),
    (signed(as_payload(interaction()), FORM), interaction(), 200, ["retry"]),
    (signed(as_json(event(type="reaction_added"))), event(type="reaction_added"), 200, []),
    (
        signed(as_json(event(type="message", subtype="channel_topic"))),
        event(type="message", subtype="channel_topic"),
        200,
        [],
    ),
    (signed(as_json(event(text="break"))), event(text="break"), 500, []),
    (signed(as_form(command("break")), FORM), dict(command("break")), 500, []),
    (signed(as_form({"ssl_check": "1", "token": "t"}), FORM), {"ssl_check": "1", "token": "t"}, 200, []),
]


@pytest.mark.parametrize(("request_", "payload", "status", "expected"), CASES)
async def test_both_ways_lead_to_the_same(
    request_: Request, payload: Payload, status: int, expected: list[object]
) -> None:
    took: list[object] = []
    app = bolt.app(took=took)
    over_http = await answered(Guard(Dispatch(app), SECRETS, clock=lambda: NOW), request_)
    over_socket = await dispatched(app, payload, {})
    assert over_http.status == over_socket.status == status
    assert over_http.body == over_socket.body.encode()
    assert took == expected * 2


async def test_a_challenge_is_answered_only_where_it_is_signed() -> None:
    guard = Guard(Dispatch(bolt.app()), SECRETS, clock=lambda: NOW)
    challenge = signed(as_json({"type": "url_verification", "challenge": "3eZbrw1aB", "token": "t"}))
    response = await answered(guard, challenge)
    assert (response.status, json.loads(response.body)) == (200, {"challenge": "3eZbrw1aB"})
    assert response.headers[b"content-type"].startswith(b"application/json")
    assert (await answered(guard, challenge.without(b"x-slack-signature"))).status == 401


async def test_a_failed_listener_can_be_tried_again() -> None:
    guard = Guard(Dispatch(bolt.app()), SECRETS, clock=lambda: NOW)
    broken = signed(as_json(event(text="break")))
    assert [(await answered(guard, broken)).status for _ in range(2)] == [500, 500]


async def test_headers_do_not_steer_bolt() -> None:
    took: list[object] = []
    app = bolt.app(took=took)
    steered = {"x-slack-bolt-lazy-only": "1", "x-slack-bolt-lazy-function-name": "f", "x-slack-retry-num": "1"}
    assert (await dispatched(app, event(text="hi"), steered)).status == 200
    request = signed(as_json(event(text="hi"))).having((b"x-slack-bolt-lazy-only", b"1"))
    assert (await answered(Guard(Dispatch(app), SECRETS, clock=lambda: NOW), request)).status == 200
    assert took == ["hi", "hi"]


@pytest.mark.parametrize(
    "payload",
    [
        {"team": 5},
        {"user": []},
        {"authorizations": ["x"]},
        {"authorizations": {}},
        {"type": "event_callback", "event": {"type": {}}},
        {"type": "event_callback", "event": None},
        {"type": "event_callback"},
        {"type": "block_actions", "actions": []},
        {"type": "block_actions", "actions": [{"type": "button"}]},
        {"type": "view_submission", "view": None},
        {"command": 7},
        {"type": []},
    ],
)
async def test_what_slack_would_not_send_is_a_bad_request_not_a_failure(payload: Payload) -> None:
    assert (await dispatched(bolt.app(), payload, {})).status == 400


async def test_without_a_listener_for_the_rest_an_event_would_be_sent_again() -> None:
    assert (await dispatched(bolt.app(every=False), event(type="reaction_added"), {})).status == 404
