"""What a command, a shortcut, a click or a form is."""

from __future__ import annotations

import pytest

from bots.attached import File
from bots.slack.ignored import Ignored, Reason
from bots.slack.installed import Installed
from bots.slack.interactions import Clicked, Commanded, Shortcut, Submitted, of_command, of_interaction
from bots.slack.reference import Invocation, Reference
from core.conversation.values import Asker, ChannelRef, ThreadRef
from tests.slack.payloads import ANNA, CODE, HOME, ORGANISATION, ROOT, TS, Json, part, payload

WE = Installed(HOME)
CHANNEL = ChannelRef("slack", HOME, CODE)
OWN_PERSON = Reference(HOME, foreign=False)
HOOK = "https://hooks.slack.com/actions/T0HOME0001/100/scrubbed"
COMMAND_HOOK = "https://hooks.slack.com/commands/T0HOME0001/100/scrubbed"
TRIGGER = "100.200.scrubbed"


def commanded(**changes: object) -> Commanded:
    found = of_command(payload("command", **changes))
    assert isinstance(found, Commanded), found
    return found


def clicked(**changes: object) -> Clicked:
    found = of_interaction(payload("block_actions", **changes))
    assert isinstance(found, Clicked), found
    return found


def test_a_command() -> None:
    reference = Reference(HOME, foreign=False, command=Invocation(COMMAND_HOOK))
    assert commanded() == Commanded(
        "where are the routes?",
        CHANNEL,
        Asker(ANNA),
        response_url=COMMAND_HOOK,
        trigger_id=TRIGGER,
        reference=reference,
        installed=WE,
    )


def test_a_command_of_an_organisation_wide_installation() -> None:
    found = commanded(enterprise_id=ORGANISATION, is_enterprise_install="true")
    assert found.installed == Installed(HOME, ORGANISATION)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ""),
        (None, ""),
        (..., ""),
        ("map <https://github.com/acme/widgets>", "map https://github.com/acme/widgets"),
        ("map <https://github.com/acme/widgets|github.com/acme/widgets> as web", "map github.com/acme/widgets as web"),
        ("who is <@U0ANNA0001|anna> in <#C987654321|>?", "who is @anna in #C987654321?"),
        ("why a &lt; b &amp;&amp; c", "why a < b && c"),
        ("what is List<String>?", "what is List<String>?"),
        ("explain the payload format", "explain the payload format"),
    ],
)
def test_the_text_of_a_command(text: object, read: str) -> None:
    assert commanded(text=text).text == read


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"team_id": None}, Reason.NO_WORKSPACE),
        ({"team_id": ORGANISATION}, Reason.NO_WORKSPACE),
        ({"channel_id": ""}, Reason.MALFORMED),
        ({"user_id": ...}, Reason.MALFORMED),
        ({"text": 7}, Reason.MALFORMED),
    ],
)
def test_a_command_that_is_none(changes: Json, reason: Reason) -> None:
    assert of_command(payload("command", **changes)) == Ignored(reason)


def test_a_shortcut_on_a_message() -> None:
    said = "it fails with <nil>"
    url = "https://files.slack.com/files-pri/T0HOME0001-F0FILE0001/routes.py"
    reference = Reference(
        HOME,
        foreign=False,
        in_thread=True,
        files=(File("F0FILE0001", "routes.py", "text/plain", 120, url),),
        command=Invocation(HOOK, said),
    )
    thread, anna = ThreadRef(CHANNEL, ROOT), Asker(ANNA)
    assert of_interaction(payload("message_action")) == Shortcut(
        "ask_about_message", thread, anna, HOOK, TRIGGER, reference, WE
    )


def test_a_shortcut_on_the_root_message_of_a_bot() -> None:
    message = {"type": "message", "bot_id": "B0OURS0001", "user": "U0BOT00001", "ts": TS}
    found = of_interaction(payload("message_action", message=message, user={"id": ANNA, "name": "anna"}))
    assert isinstance(found, Shortcut)
    assert (found.reference.command, found.thread.thread_id) == (Invocation(HOOK), TS)
    assert (found.reference.foreign, found.reference.in_thread) == (False, False)


def test_a_click_on_a_post() -> None:
    assert clicked() == Clicked(
        "retry",
        "turn-1",
        Asker(ANNA),
        CHANNEL,
        TS,
        ThreadRef(CHANNEL, ROOT),
        ephemeral=False,
        response_url=HOOK,
        trigger_id=TRIGGER,
        reference=OWN_PERSON,
        installed=WE,
    )


def test_a_click_on_a_post_only_one_person_sees() -> None:
    container = {"type": "message", "message_ts": TS, "channel_id": CODE, "is_ephemeral": True}
    found = clicked(container=container, message=..., channel=...)
    assert (found.ephemeral, found.channel, found.message_id) == (True, CHANNEL, TS)
    assert found.thread == ThreadRef(CHANNEL, TS)


def test_a_click_in_a_view() -> None:
    view = part(payload("view_submission"), "view")
    container = {"type": "view", "view_id": "V0VIEW0001"}
    found = clicked(container=container, view=view, message=..., channel=..., response_url=...)
    assert (found.channel, found.thread, found.message_id) == (None, None, None)


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ({"type": "button"}, ""),
        ({"type": "button", "value": "a"}, "a"),
        ({"type": "static_select", "selected_option": {"value": "b"}}, "b"),
        ({"type": "static_select", "selected_option": None}, ""),
        ({"type": "checkboxes", "selected_options": [{"value": "c"}, {"value": "d"}]}, "c"),
        ({"type": "conversations_select", "selected_conversation": CODE}, CODE),
        ({"type": "multi_users_select", "selected_users": [ANNA]}, ANNA),
        ({"type": "feedback_buttons", "value": "good"}, "good"),
    ],
)
def test_the_value_of_an_element(element: Json, value: str) -> None:
    assert clicked(actions=[{"action_id": "x", **element}]).value == value


def test_a_form() -> None:
    found = of_interaction(payload("view_submission"))
    assert found == Submitted(
        "map",
        {"repository": ("acme/widgets",), "alias": (), "guests": ("allow", "tell"), "mode": ("smart",)},
        CODE,
        "V0VIEW0001",
        Asker(ANNA),
        TRIGGER,
        OWN_PERSON,
        WE,
    )
    assert (found.value("repository"), found.value("alias"), found.value("nothing")) == ("acme/widgets", "", "")


@pytest.mark.parametrize(
    ("interaction", "reason"),
    [
        (payload("shortcut"), Reason.UNUSED),
        (payload("block_actions", type="block_suggestion"), Reason.UNUSED),
        (payload("block_actions", type=None), Reason.MALFORMED),
        (payload("block_actions", user=None), Reason.MALFORMED),
        (payload("block_actions", actions=[]), Reason.MALFORMED),
        (payload("block_actions", actions=[{"value": "x"}]), Reason.MALFORMED),
        (payload("block_actions", team=None, user={"id": ANNA}), Reason.NO_WORKSPACE),
        (payload("message_action", channel=None), Reason.MALFORMED),
        (payload("message_action", message=None, message_ts=None), Reason.MALFORMED),
        (payload("view_submission", view={"app_installed_team_id": HOME}), Reason.MALFORMED),
        (payload("view_closed"), Reason.UNUSED),
        ({}, Reason.MALFORMED),
    ],
)
def test_an_interaction_that_is_none(interaction: Json, reason: Reason) -> None:
    assert of_interaction(interaction) == Ignored(reason)


def test_what_lets_others_answer_in_our_name_is_not_shown() -> None:
    for found in (commanded(), clicked(), of_interaction(payload("message_action"))):
        assert "hooks.slack.com" not in repr(found)
        assert TRIGGER not in repr(found)
