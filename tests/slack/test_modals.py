"""What forms and the Home tab look like, within what Slack takes; and how they are read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack import home, modals, offers
from bots.slack.installed import Installed
from bots.slack.interactions import Submitted
from bots.slack.modals import View
from bots.slack.mrkdwn import mrkdwn
from bots.slack.reference import Reference
from core.channels.choosing import Mapping as Mapped
from core.channels.preferences import LONGEST_INSTRUCTIONS, ChannelPreferences
from core.channels.suspensions import suspension_of
from core.conversation.followup import FollowUps
from core.conversation.values import Asker
from tests.fakes.slack_blocks import check_blocks, check_view, flatten, pings

TICKET = "t" * 43
LONG = "<!channel> " * 800
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def submitted(**values: tuple[str, ...]) -> Submitted:
    return Submitted("settings", values, TICKET, "V1", Asker("U1"), "", Reference(), Installed("T1"))


FULL = ChannelPreferences(
    FollowUps.MENTION, guests=True, outsiders=True, model="m" * 100, instructions="i" * LONGEST_INSTRUCTIONS
)
FORMS: dict[str, View] = {
    "loading": modals.loading("Settings of this channel"),
    "told": modals.told("Settings of this channel", LONG),
    "map": modals.map_form(TICKET),
    "token": modals.token_form(TICKET, whose="this channel", repository=LONG),
    "settings": modals.settings_form(TICKET, ChannelPreferences(), default=None),
    "settings of an admin": modals.settings_form(TICKET, FULL, default="d" * 400),
    "default": modals.default_form(TICKET, "github.com/acme/usual"),
    "ask": modals.ask_form(TICKET),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_one_that_slack_takes(name: str) -> None:
    view = as_json(FORMS[name])
    check_view(view, "modal", len(json.dumps(view)))
    assert pings("", view["blocks"]) == set()


@pytest.mark.parametrize("name", [name for name, view in FORMS.items() if "submit" in view])
def test_a_form_carries_its_ticket_and_nothing_else(name: str) -> None:
    assert FORMS[name]["private_metadata"] == TICKET


def test_the_settings_show_what_holds_now() -> None:
    elements = {each["block_id"]: each["element"] for each in as_json(FORMS["settings of an admin"])["blocks"]}
    assert elements[modals.FOLLOW_UPS]["initial_option"]["value"] == "mention"
    assert elements[modals.GUESTS]["initial_options"] == elements[modals.GUESTS]["options"]
    assert elements[modals.MODEL]["initial_value"] == "m" * 100
    plain = {each["block_id"]: each["element"] for each in as_json(FORMS["settings"])["blocks"]}
    assert "initial_options" not in plain[modals.GUESTS]
    assert "initial_value" not in plain[modals.INSTRUCTIONS]
    assert modals.DEFAULT not in plain


def test_settings_are_read() -> None:
    wanted = modals.settings_of(
        submitted(
            follow_ups=("always",),
            guests=("allowed",),
            outsiders=(),
            model=("fast",),
            instructions=(),
            default=(" acme/usual ",),
        )
    )
    assert wanted == modals.Wanted(FollowUps.ALWAYS, True, False, "fast", "", "acme/usual")


def test_a_form_without_the_default_leaves_it_alone_and_an_emptied_one_removes_it() -> None:
    assert modals.settings_of(submitted(follow_ups=("smart",))).default is None
    assert modals.settings_of(submitted(follow_ups=("smart",), default=())).default == ""


def test_a_mode_nobody_offered_is_none() -> None:
    assert modals.settings_of(submitted(follow_ups=("loud",))).follow_ups is None
    assert modals.settings_of(submitted()).follow_ups is None


def test_our_sentences_in_slacks_formatting() -> None:
    said = "Done: **all** of `a**b**` & <here>\n- one\n- two"
    assert mrkdwn(said) == "Done: *all* of `a**b**` &amp; &lt;here&gt;\n• one\n• two"


@given(st.text())
def test_nothing_in_our_sentences_pings_or_links(words: str) -> None:
    assert "<" not in mrkdwn(words)
    assert ">" not in mrkdwn(words)


@given(
    st.lists(st.text(), max_size=5),
    st.lists(st.text(max_size=200).filter(str.strip), max_size=5),
    st.booleans(),
)
def test_every_home_is_one_that_slack_takes(questions: list[str], repositories: list[str], admin: bool) -> None:
    view = as_json(
        home.view(
            [home.Place("C0FAKE1", tuple(repositories)), home.Place("C0FAKE2", (LONG,), earlier=True)],
            [home.Asked("C0FAKE1", each, AT) for each in questions],
            default=LONG,
            may_set_default=admin,
        )
    )
    check_view(view, "home", len(json.dumps(view)))
    assert pings("", view["blocks"]) == set()


def test_a_direct_message_is_named_as_such() -> None:
    asked = home.Asked("D0FAKE1", "why?", AT)
    view = home.view([home.Place("D0FAKE1", ())], [asked], default=None, may_set_default=False)
    shown = flatten(as_json(view)["blocks"])
    assert shown.count("Direct message") == 2
    assert "<#D" not in shown


def test_an_empty_home_says_how_to_begin() -> None:
    shown = flatten(as_json(home.view([], [], default=None, may_set_default=False))["blocks"])
    assert "/askrepo how does login work?" in shown
    assert "You have not asked anything yet." in shown


def test_offers_are_blocks_that_slack_takes() -> None:
    mapped = Mapped("github.com/acme/other", None, True, None, "U1", AT, suspended_at=AT)
    buttons = [
        offers.enter_token(None),
        offers.enter_token("github.com/acme/other"),
        offers.open_page("https://askrepo.example.com/token/" + TICKET),
        offers.confirm([mapped]),
        offers.ask_again("a" * 32),
        offers.set_default(),
    ]
    for button in buttons:
        check_blocks(as_json(offers.said("Something.", button)))


def test_the_workspaces_token_and_a_mappings_are_told_apart() -> None:
    for repository in (None, "github.com/acme/workspace"):
        assert offers.token_of(str(offers.enter_token(repository)["value"])) == repository


def test_each_suspension_has_a_button_of_its_own() -> None:
    first = Mapped("github.com/acme/other", None, True, None, "U1", AT, suspended_at=AT)
    later = Mapped("github.com/acme/other", None, True, None, "U1", AT, suspended_at=AT.replace(hour=13))
    free = Mapped("github.com/acme/other", None, True, None, "U1", AT)
    assert len({suspension_of([each]) for each in (first, later, free)}) == 3
    assert suspension_of([free]) == ""


def as_json(view: object) -> Any:
    return json.loads(json.dumps(view))
