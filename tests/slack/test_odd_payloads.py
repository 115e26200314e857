"""Whatever stands in a payload, it is something or is passed over by name; nothing ever raises."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from itertools import product

import pytest

from bots.fields import mapping
from bots.slack.ignored import Ignored
from bots.slack.incoming import Asked, Edited, of_event
from bots.slack.interactions import of_command, of_interaction
from tests.slack.payloads import NAMES, TS, Json, payload

ROUNDS = 400
ODD: list[object] = [
    None, True, False, 0, -1, 1.5, float("inf"), 10**400, "", " ", "\ud800", "\x00", "<@", "<@U0BOT00001>", "&", TS,
    "9999999999.999999", "99999999999.999999", "T0HOME0001", "E0HOME0001", "message", "bot_message", "message_changed",
    "message_deleted", "tombstone", [], [None], [[]], {}, {"id": None}, {"ts": []}, "a" * 5_000,
    "<!date^9999999999999^x>",
]  # fmt: skip


def readings(of: Json) -> list[object]:
    return [of_event(of), of_interaction(of), of_command(of)]


@pytest.mark.parametrize("name", NAMES)
def test_any_mutation_is_decided(name: str) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    for _ in range(ROUNDS):
        mutated = payload(name)
        for _ in range(dice.randint(1, 4)):
            mutate(mutated, dice)
        try:
            found = readings(mutated)
        except Exception as error:
            pytest.fail(f"seed {seed}: {error!r} for {json.dumps(mutated)[:4000]}")
        for value in found:
            if isinstance(value, Asked | Edited):
                assert value.question.text.encode() is not None
                assert 0 <= value.question.order < 2**63


def mutate(node: object, dice: random.Random) -> None:
    """Replaces, removes, adds or transplants one member somewhere inside."""
    holders = [holder for holder in containers(node) if holder]
    if not holders:
        return
    holder, odd = dice.choice(holders), deepcopy(dice.choice(ODD))
    if isinstance(holder, list):
        holder[dice.randrange(len(holder))] = odd
        return
    key = dice.choice(list(holder))
    match dice.randrange(4):
        case 0:
            del holder[key]
        case 1:
            holder[
                dice.choice(["subtype", "bot_id", "hidden", "edited", "thread_ts", "files", "view", "user_profile"])
            ] = odd
        case 2:
            holder[key] = json.loads(json.dumps(dice.choice(list(containers(node)))))
        case _:
            holder[key] = odd


def containers(node: object) -> list[dict[str, object] | list[object]]:
    members = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    inner = [found for member in members for found in containers(member)]
    return [node, *inner] if isinstance(node, dict | list) else inner


@pytest.mark.parametrize("odd", ODD)
def test_every_field_of_every_payload_may_be_odd(odd: object) -> None:
    for name in NAMES:
        whole = payload(name)
        for key in whole:
            readings({**whole, key: odd})
        inner = mapping(whole.get("event"))
        for key, text in product(inner, (inner.get("text"), "<@U0BOT00001>")):
            readings({**whole, "event": {**inner, "text": text, key: odd}})


def test_the_mutations_reach_both_questions_and_refusals() -> None:
    dice, kinds = random.Random(1), set()
    for _ in range(500):
        mutated = payload("message")
        mutate(mutated, dice)
        kinds.add(type(of_event(mutated)))
    assert {Asked, Ignored} <= kinds
