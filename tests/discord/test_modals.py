"""What forms look like, within what Discord takes; and how they are read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord import modals
from bots.discord.interactions import Submitted, of_interaction
from bots.discord.modals import Modal
from core.channels.preferences import LONGEST_INSTRUCTIONS, ChannelPreferences
from core.conversation.followup import FollowUps
from tests.discord.invoked import BOT, chosen, filled, form
from tests.fakes.discord_components import check_modal
from tests.fakes.discord_values import Json

TICKET = "t" * 43
LONG = "@everyone " * 800
FULL = ChannelPreferences(FollowUps.MENTION, model="m" * 100, instructions="i" * LONGEST_INSTRUCTIONS)
TYPED = dict.fromkeys((modals.REPOSITORY, modals.ALIAS, modals.LABEL, modals.QUESTION, modals.DEFAULT), LONG)
FORMS: dict[str, Modal] = {
    "map": modals.map_form(TICKET, {}),
    "map again": modals.map_form(TICKET, TYPED),
    "token": modals.token_form(TICKET, {}, whose="this channel", repository="github.com/acme/x", pasted=False),
    "token again": modals.token_form(TICKET, TYPED, whose="this server", repository=LONG, pasted=True),
    "settings": modals.settings_form(TICKET, modals.typed_of(ChannelPreferences(), None)),
    "settings of an admin": modals.settings_form(TICKET, modals.typed_of(FULL, "d" * 400)),
    "settings again": modals.settings_form(TICKET, {modals.FOLLOW_UPS: "loud", **TYPED}),
    "default": modals.default_form(TICKET, {modals.DEFAULT: "github.com/acme/usual"}),
    "default again": modals.default_form(TICKET, TYPED),
    "ask": modals.ask_form(TICKET, {}),
    "ask again": modals.ask_form(TICKET, TYPED),
}


def as_json(modal: object) -> Any:
    return json.loads(json.dumps(modal))


def inputs(modal: Modal) -> dict[str, Json]:
    inner = [each["component"] for each in as_json(modal)["components"] if "component" in each]
    return {each["custom_id"]: each for each in inner}


def submitted(*components: Json, kind: str = "settings") -> Submitted:
    found = of_interaction(form(f"form:{kind}:{TICKET}", *components), BOT)
    assert isinstance(found, Submitted)
    return found


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_one_that_discord_takes(name: str) -> None:
    check_modal(as_json(FORMS[name]))


@pytest.mark.parametrize("name", FORMS)
def test_a_form_carries_its_kind_and_its_ticket_and_is_read_so(name: str) -> None:
    kind = name.partition(" ")[0]
    assert FORMS[name]["custom_id"] == f"form:{kind}:{TICKET}"
    found = submitted(kind=kind)
    assert (found.form, found.ticket) == (kind, TICKET)


@given(st.text(max_size=5_000), st.text(max_size=5_000), st.sampled_from(list(FollowUps)))
def test_whatever_holds_now_the_settings_can_be_shown(model: str, instructions: str, mode: FollowUps) -> None:
    now = ChannelPreferences(mode, model=model, instructions=instructions)
    check_modal(as_json(modals.settings_form(TICKET, modals.typed_of(now, model))))


def test_the_settings_show_what_holds_now() -> None:
    full = inputs(FORMS["settings of an admin"])
    assert [each["value"] for each in full[modals.FOLLOW_UPS]["options"] if each["default"]] == ["mention"]
    assert full[modals.MODEL]["value"] == "m" * 100
    assert full[modals.INSTRUCTIONS]["value"] == "i" * LONGEST_INSTRUCTIONS
    plain = inputs(FORMS["settings"])
    assert [each["value"] for each in plain[modals.FOLLOW_UPS]["options"] if each["default"]] == ["smart"]
    assert "value" not in plain[modals.INSTRUCTIONS]
    assert modals.DEFAULT not in plain


def test_a_token_is_never_shown_again() -> None:
    typed = modals.typed_in(submitted(filled("token", "sekrit-1234"), filled("label", "mine"), kind="token"))
    assert typed == {"label": "mine"}
    repeated = submitted(filled("token", " sekrit-1234 "), filled("label", "my sekrit-1234"), kind="token")
    assert modals.typed_in(repeated) == {}
    again = modals.token_form(TICKET, {"token": "sekrit-1234", "label": "mine"}, whose="x", repository="y", pasted=True)
    assert "sekrit" not in json.dumps(again)
    assert inputs(again)["label"]["value"] == "mine"


def test_what_was_typed_is_filled_in_again() -> None:
    again = modals.map_form(TICKET, modals.typed_in(submitted(filled("repository", "no"), filled("alias", "No!"))))
    assert {name: each["value"] for name, each in inputs(again).items()} == {"repository": "no", "alias": "No!"}
    again = modals.settings_form(TICKET, modals.typed_in(submitted(chosen("follow_ups", "always"))))
    assert [each["value"] for each in inputs(again)["follow_ups"]["options"] if each["default"]] == ["always"]


def test_settings_are_read() -> None:
    fields = (filled("model", "fast"), filled("instructions", ""), filled("default", " acme/usual "))
    wanted = modals.settings_of(submitted(chosen("follow_ups", "always"), *fields))
    assert wanted == modals.Wanted(FollowUps.ALWAYS, "fast", "", "acme/usual")


def test_a_form_without_the_default_leaves_it_alone_and_an_emptied_one_removes_it() -> None:
    assert modals.settings_of(submitted(chosen("follow_ups", "smart"))).default is None
    assert modals.settings_of(submitted(chosen("follow_ups", "smart"), filled("default", ""))).default == ""


def test_a_mode_nobody_offered_is_none() -> None:
    assert modals.settings_of(submitted(chosen("follow_ups", "loud"))).follow_ups is None
    assert modals.settings_of(submitted()).follow_ups is None


def test_the_warning_stands_above_the_token() -> None:
    words = as_json(FORMS["token"])["components"][0]["content"]
    assert "Discord does not hide what you type here" in words
    assert "revoked" not in words
    assert "revoked" in as_json(FORMS["token again"])["components"][0]["content"]
