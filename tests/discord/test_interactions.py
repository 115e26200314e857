"""What a command, a click or a form is; and what is refused because of where it comes from."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord.fields import moment
from bots.discord.ignored import Ignored, Reason
from bots.discord.interactions import (
    NOT_ADDED,
    NOT_PRIVATE,
    Clicked,
    Commanded,
    Completing,
    Handle,
    Refused,
    Sender,
    Shortcut,
    Submitted,
    of_interaction,
)
from bots.discord.posts import Spot
from core.conversation.values import Asker, ChannelRef, ThreadRef
from tests.discord.invoked import (
    ANNA,
    BOT,
    CHANNEL,
    DIRECT,
    GUILD,
    IN_THREAD,
    INTERACTION,
    MESSAGE,
    THREAD,
    TOKEN,
    USER,
    Json,
    chosen,
    click,
    command,
    direct,
    filled,
    form,
    interaction,
    on_message,
    typing,
)

HANDLE = Handle(INTERACTION, BOT.application_id, TOKEN, moment(INTERACTION))
SENDER = Sender(HANDLE, Asker(ANNA, "Anna"), Spot(GUILD, CHANNEL, 0), 16)
PLACE = ChannelRef("discord", GUILD, CHANNEL)
KINDS: dict[str, Callable[[], Json]] = {
    "command": lambda: command(question="where?"),
    "shortcut": on_message,
    "click": lambda: click("retry:abc:1"),
    "form": lambda: form("form:map:ticket"),
    "typing": lambda: typing("askrepo-map", "repository", "a"),
}


def sender(told: Json) -> Sender:
    found = of_interaction(told, BOT)
    assert not isinstance(found, Ignored | Refused), found
    return found.sender


def test_a_command() -> None:
    told = command("askrepo-token", action=" set ", whole_server=True, number=7)
    found = of_interaction(told, BOT)
    assert found == Commanded("askrepo-token", {"action": " set ", "whole-server": True}, SENDER)
    assert (found.option("action"), found.option("whole-server"), found.option("nothing")) == ("set", "", "")


def test_a_command_on_a_message() -> None:
    found = of_interaction(on_message(content="it **fails**"), BOT)
    assert isinstance(found, Shortcut)
    assert (found.name, found.message_id, found.sender) == ("Ask about this message", MESSAGE, SENDER)
    assert found.message["content"] == "it **fails**"


def test_a_message_that_is_not_told_is_empty() -> None:
    told = on_message()
    del told["data"]["resolved"]
    found = of_interaction(told, BOT)
    assert isinstance(found, Shortcut)
    assert found.message == {}


@pytest.mark.parametrize(("flags", "ephemeral"), [(0, False), (64, True), (68, True), (4, False)])
def test_a_click(flags: int, ephemeral: bool) -> None:
    assert of_interaction(click("retry:0a1b:2", flags=flags), BOT) == Clicked("retry", "0a1b", ephemeral, SENDER)


@pytest.mark.parametrize(
    ("custom_id", "action", "value"),
    [("stop", "stop", ""), ("reopen:tick_et-43:0", "reopen", "tick_et-43"), ("x:y:z:a", "x", "y")],
)
def test_a_custom_id_is_taken_apart(custom_id: str, action: str, value: str) -> None:
    found = of_interaction(click(custom_id), BOT)
    assert isinstance(found, Clicked)
    assert (found.action, found.value) == (action, value)


def test_a_form_under_labels() -> None:
    words = {"type": 10, "id": 1}
    told = form("form:map:ticket", words, filled("repository", "acme/x"), chosen("mode", "smart"), filled("alias", ""))
    found = of_interaction(told | {"message": {"id": MESSAGE, "flags": 64}}, BOT)
    values = {"repository": ("acme/x",), "mode": ("smart",), "alias": ("",)}
    assert found == Submitted("map", "ticket", values, ephemeral=True, sender=SENDER)
    assert (found.value("repository"), found.value("nothing")) == ("acme/x", "")


def test_a_form_in_rows() -> None:
    row = {"type": 1, "components": [{"type": 4, "custom_id": "repository", "value": "acme/x"}]}
    found = of_interaction(form("form:map:ticket", row), BOT)
    assert found == Submitted("map", "ticket", {"repository": ("acme/x",)}, ephemeral=False, sender=SENDER)


def test_what_is_typed() -> None:
    found = of_interaction(typing("askrepo-map", "repository", "acm", alias="web"), BOT)
    assert found == Completing("askrepo-map", "repository", "acm", SENDER)


# where


def test_in_a_channel_its_category_does_not_matter() -> None:
    found = sender(command())
    assert (found.channel, found.thread, found.spot.direct) == (PLACE, None, False)


@pytest.mark.parametrize("kind", [10, 11, 12])
def test_in_a_thread(kind: int) -> None:
    found = sender(command() | {"channel": IN_THREAD | {"type": kind}})
    assert (found.channel, found.thread) == (PLACE, ThreadRef(PLACE, THREAD))


@pytest.mark.parametrize("kind", [2, 13])
def test_the_text_of_a_voice_channel_is_one_conversation(kind: int) -> None:
    found = sender(command() | {"channel": {"id": CHANNEL, "type": kind, "parent_id": None}})
    assert found.thread == ThreadRef(PLACE, CHANNEL)


def test_in_a_direct_message_there_are_no_rights_and_no_guild_yet() -> None:
    found = sender(direct(command()))
    assert (found.spot.guild_id, found.permissions, found.spot.direct) == ("", 0, True)
    place = ChannelRef("discord", GUILD, DIRECT)
    assert found.under(GUILD).thread == ThreadRef(place, DIRECT)
    assert found.under(GUILD).workspace == place.workspace


@pytest.mark.parametrize(
    ("member", "name"),
    [
        ({"nick": "A."}, "A."),
        ({}, "Anna"),
        ({"user": USER | {"global_name": None}}, "anna_b"),
        ({"user": {"id": ANNA}}, ""),
    ],
)
def test_what_people_are_called(member: Json, name: str) -> None:
    told = command()
    told["member"] |= member
    assert sender(told).asker == Asker(ANNA, name)


@pytest.mark.parametrize(
    ("permissions", "bits"),
    [("16", 16), ("9007199254740991", 9007199254740991), (16, 0), ("-1", 0), ("1e3", 0), ("²", 0), ("9" * 40, 0)],
)
def test_permissions(permissions: object, bits: int) -> None:
    told = command()
    told["member"]["permissions"] = permissions
    assert sender(told).permissions == bits


# contexts: only what a guild that added the bot sends, or a direct message with it

CONTEXTS = [
    ({"authorizing_integration_owners": {"1": ANNA}}, NOT_ADDED),
    ({"authorizing_integration_owners": {"0": "900000000000000099", "1": ANNA}}, NOT_ADDED),
    ({"authorizing_integration_owners": {}}, NOT_ADDED),
    ({"authorizing_integration_owners": ...}, NOT_ADDED),
    ({"authorizing_integration_owners": {"0": "0"}}, NOT_ADDED),
    ({"authorizing_integration_owners": {"0": None}, "guild_id": ...}, NOT_ADDED),
    ({"context": 2}, NOT_PRIVATE),
    ({"context": 2, "guild_id": ..., "authorizing_integration_owners": {"0": GUILD, "1": ANNA}}, NOT_PRIVATE),
    ({"context": ...}, NOT_PRIVATE),
    ({"context": "0"}, NOT_PRIVATE),
    ({"context": 1}, NOT_PRIVATE),
    ({"context": 1, "guild_id": ..., "authorizing_integration_owners": {"1": ANNA}}, NOT_PRIVATE),
    ({"context": 3, "guild_id": ...}, NOT_PRIVATE),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("changes", "words"), CONTEXTS)
def test_what_comes_from_elsewhere_is_refused(kind: str, changes: Json, words: str) -> None:
    told = {key: value for key, value in (KINDS[kind]() | changes).items() if value is not ...}
    assert of_interaction(told, BOT) == Refused(HANDLE, words, completing=kind == "typing")


@pytest.mark.parametrize("kind", KINDS)
def test_an_app_that_a_guild_and_a_person_added_is_served_in_that_guild(kind: str) -> None:
    assert sender(KINDS[kind]() | {"authorizing_integration_owners": {"0": GUILD, "1": ANNA}}) == SENDER


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, Reason.MALFORMED),
        (interaction(1, None), Reason.UNUSED),
        (interaction(6, {}), Reason.UNUSED),
        (command() | {"type": "2"}, Reason.MALFORMED),
        (command() | {"id": "x"}, Reason.MALFORMED),
        (command() | {"token": None}, Reason.MALFORMED),
        (command() | {"application_id": "900000000000000099"}, Reason.MALFORMED),
        (command() | {"channel": None}, Reason.MALFORMED),
        (command() | {"channel": {"id": THREAD, "type": 11}}, Reason.MALFORMED),
        (command() | {"channel": {"id": DIRECT, "type": 1}}, Reason.MALFORMED),
        (command() | {"member": {"user": {"id": ""}}}, Reason.MALFORMED),
        (command() | {"member": {"user": USER | {"bot": True}}}, Reason.BOT),
        (command(data={"name": None}), Reason.MALFORMED),
        (command(data={"type": 2}), Reason.UNUSED),
        (on_message() | {"data": {"name": "x", "type": 3, "target_id": "y"}}, Reason.MALFORMED),
        (click(None), Reason.MALFORMED),
        (click(""), Reason.MALFORMED),
        (form("map:ticket"), Reason.MALFORMED),
        (form("form:map:"), Reason.MALFORMED),
        (form("other:map:ticket"), Reason.MALFORMED),
        (form("form:map:ticket:more"), Reason.MALFORMED),
        (interaction(4, {"name": "askrepo", "options": []}), Reason.MALFORMED),
    ],
)
def test_an_interaction_that_is_none(told: Json, reason: Reason) -> None:
    assert of_interaction(told, BOT) == Ignored(reason)


def test_what_lets_others_answer_in_our_name_is_not_shown() -> None:
    told = form("form:token:ticket-of-mine", filled("token", "sekrit-token"))
    for found in (of_interaction(each, BOT) for each in (command(), click("x"), on_message(), told)):
        for hidden in (TOKEN, "ticket-of-mine", "sekrit-token"):
            assert hidden not in repr(found)


# never raises

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["0", GUILD, "form:map:t", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_never_raises_whatever_stands_in_a_field(kind: str, data: st.DataObject) -> None:
    told = KINDS[kind]()
    for _ in range(data.draw(st.integers(1, 4))):
        inside: Json = told
        while True:
            key = data.draw(st.sampled_from(sorted(inside)))
            if isinstance(inside[key], dict) and inside[key] and data.draw(st.booleans()):
                inside = inside[key]
                continue
            inside[key] = data.draw(JUNK)
            break
    of_interaction(told, BOT)


@given(st.dictionaries(st.sampled_from(sorted(command())), JUNK))
def test_never_raises_for_what_is_nothing_at_all(told: Json) -> None:
    assert isinstance(of_interaction(told, BOT), Ignored | Refused)
