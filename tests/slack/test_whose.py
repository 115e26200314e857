"""For which workspace a delivery is, and whether its author belongs to the organisation that installed us."""

from __future__ import annotations

from itertools import product

import pytest

from bots.slack.incoming import Asked, of_event
from bots.slack.interactions import Clicked, Submitted, of_interaction
from bots.slack.people import Person, described, readers, stricter
from bots.slack.reference import Reference, decode
from core.channels.access import Audience, Standing
from tests.slack.payloads import BOT, HOME, ORGANISATION, Json, part, payload

AWAY, SIBLING, OTHERS = "T0AWAY0001", "T0HOME0002", "E0AWAY0001"

# what the team and organisation ids of an author say: belongs to us (False), does not (True), cannot be told (None)
ALONE: dict[str | None, bool | None] = {HOME: False, AWAY: True, OTHERS: True, ORGANISATION: True, None: None}
ON_GRID: dict[str | None, bool | None] = {
    HOME: False,
    SIBLING: None,  # another workspace of the same organisation, or of another: only a look-up can tell
    AWAY: None,
    ORGANISATION: False,
    OTHERS: True,
    None: None,
}


def authorized(kind: str) -> list[Json]:
    grid = kind != "alone"
    return [
        {
            "enterprise_id": ORGANISATION if grid else None,
            "team_id": {"null": None, "organisation": ORGANISATION}.get(kind, HOME),
            "user_id": BOT,
            "is_bot": True,
            "is_enterprise_install": kind in {"null", "organisation"},
        }
    ]


def expected(told: dict[str | None, bool | None], teams: tuple[str | None, ...]) -> bool | None:
    found = {told[team] for team in teams if team}
    return found.pop() if len(found) == 1 else None


MATRIX = [
    (name, kind, context, user_team, team, shared)
    for kind, context in [
        ("alone", HOME),
        ("alone", None),
        ("alone", AWAY),
        ("grid", HOME),
        ("grid", SIBLING),
        ("null", HOME),
        ("organisation", HOME),
    ]
    for name, user_team, team, shared in product(
        ("message", "app_mention", "message_file_share"),
        (ALONE if kind == "alone" else ON_GRID),
        (HOME, AWAY, None),
        (True, False, None),
    )
]


def test_the_matrix_is_as_large_as_it_should_be() -> None:
    assert len(set(MATRIX)) == len(MATRIX) >= 240


@pytest.mark.parametrize("kind", ["alone", "grid", "null", "organisation"])
def test_workspace_and_author_of_every_shape(kind: str) -> None:
    told = ALONE if kind == "alone" else ON_GRID
    rows = [row for row in MATRIX if row[1] == kind]
    for row in rows:
        name, _, context, user_team, team, shared = row
        envelope = payload(
            name,
            authorizations=authorized(kind),
            context_team_id=context,
            team_id=AWAY,  # of whoever caused the event
            enterprise_id=OTHERS,
            is_ext_shared_channel=... if shared is None else shared,
        )
        envelope["event"] = {**part(envelope, "event"), "user_team": user_team, "team": team, "files": []}
        found = of_event(envelope)
        assert isinstance(found, Asked), row
        assert found.question.thread.channel.workspace_id == HOME == found.installed.team_id, row
        assert found.installed.enterprise_id == (None if kind == "alone" else ORGANISATION), row
        assert found.installed.bot_user_id == BOT, row
        reference = decode(found.question.reference)
        named = [each for each in (user_team, team) if each]
        teams = [each for each in named if not each.startswith("E")]
        assert reference.team == next(iter(teams + named), None), row
        assert reference.foreign is expected(told, (user_team, team)), row
        assert reference.ext_shared is (shared is True), row


def test_a_workspace_only_the_event_names_proves_nothing_in_a_shared_channel() -> None:
    found = of_event(payload("app_mention_org_install", context_team_id=None, is_ext_shared_channel=True, team_id=HOME))
    assert isinstance(found, Asked)
    assert found.installed.team_id == HOME
    assert decode(found.question.reference).foreign is None


@pytest.mark.parametrize(
    ("changes", "team", "foreign"),
    [
        ({"team": None, "user_team": None, "user_profile": {"team": AWAY}}, AWAY, True),
        ({"user_profile": {"team": AWAY}}, AWAY, None),  # the event's own team says otherwise
        ({"user_profile": {"team": HOME, "is_stranger": True}}, HOME, True),
        ({"team": None, "source_team": HOME}, HOME, False),
        ({"team": HOME, "source_team": AWAY}, HOME, False),
        ({"team": None}, None, None),
        ({"team": None, "files": [{"id": "F1", "user": "U0ANNA0001", "user_team": AWAY}]}, AWAY, True),
        ({"team": None, "files": [{"id": "F1", "user": "U0BERT0001", "user_team": HOME}]}, None, None),
        ({"team": 7, "user_team": {"id": HOME}}, None, None),
    ],
)
def test_where_else_the_authors_team_may_stand(changes: Json, team: str | None, foreign: bool | None) -> None:
    envelope = payload("message")
    envelope["event"] = {**part(envelope, "event"), **changes}
    found = of_event(envelope)
    assert isinstance(found, Asked)
    reference = decode(found.question.reference)
    assert (reference.team, reference.foreign) == (team, foreign)


@pytest.mark.parametrize("key", ["is_restricted", "is_ultra_restricted"])
def test_a_guest_is_noted(key: str) -> None:
    envelope = payload("message")
    envelope["event"] = {**part(envelope, "event"), "user_profile": {"team": HOME, key: True}}
    found = of_event(envelope)
    assert isinstance(found, Asked)
    assert decode(found.question.reference).guest


@pytest.mark.parametrize(
    ("team", "enterprise", "user_team", "workspace", "foreign"),
    [
        ({"id": HOME}, None, HOME, HOME, False),
        ({"id": HOME}, None, AWAY, HOME, True),
        ({"id": HOME}, None, None, HOME, None),
        ({"id": HOME, "enterprise_id": ORGANISATION}, None, SIBLING, HOME, None),
        ({"id": HOME}, {"id": ORGANISATION}, SIBLING, HOME, None),
        (None, {"id": ORGANISATION}, HOME, HOME, None),  # only the person's own team names the workspace
        (None, {"id": ORGANISATION}, None, None, None),
    ],
)
def test_whose_a_click_is(
    team: Json | None, enterprise: Json | None, user_team: str | None, workspace: str | None, foreign: bool | None
) -> None:
    user = {"id": "U0ANNA0001", "team_id": user_team}
    found = of_interaction(payload("block_actions", team=team, enterprise=enterprise, user=user))
    if workspace is None:
        assert not isinstance(found, Clicked)
        return
    assert isinstance(found, Clicked)
    assert (found.installed.team_id, found.reference.foreign) == (workspace, foreign)


def test_a_form_filled_in_from_another_organisation() -> None:
    user = {"id": "U0CARL0001", "team_id": AWAY}
    elsewhere = {"id": AWAY, "enterprise_id": OTHERS}
    found = of_interaction(payload("view_submission", team=elsewhere, enterprise={"id": OTHERS}, user=user))
    assert isinstance(found, Submitted)
    assert (found.installed.team_id, found.installed.enterprise_id) == (HOME, None)
    assert (found.reference.team, found.reference.foreign) == (AWAY, True)


@pytest.mark.parametrize("told", list(Standing))
@pytest.mark.parametrize(
    ("reference", "of_a_member"),
    [
        (Reference(), Standing.MEMBER),
        (Reference(foreign=False), Standing.MEMBER),
        (Reference(guest=True), Standing.GUEST),
        (Reference(foreign=True), Standing.OUTSIDER),
        (Reference(foreign=True, guest=True), Standing.OUTSIDER),
    ],
)
def test_what_was_delivered_lowers_a_member_and_raises_nobody(
    told: Standing, reference: Reference, of_a_member: Standing
) -> None:
    assert stricter(told, reference) is (of_a_member if told is Standing.MEMBER else told)


def of_an_organisation(flag: str, everywhere: Json) -> Json:
    """What users.info says of somebody of HOME who is in SIBLING too, whichever of the two asks."""
    enterprise = {"enterprise_id": ORGANISATION, "teams": [HOME, SIBLING], **everywhere}
    return {"user": {"id": "U0ANNA0001", "team_id": HOME, flag: True, "enterprise_user": enterprise}}


@pytest.mark.parametrize("everywhere", [{}, {"is_admin": True}, {"is_owner": True}])
@pytest.mark.parametrize("flag", ["is_app_user", "is_admin", "is_owner", "is_primary_owner"])
def test_an_admin_of_one_workspace_of_an_organisation_manages_no_other(flag: str, everywhere: Json) -> None:
    told = of_an_organisation(flag, everywhere)
    here, there, away = (described(told, team_id) for team_id in (HOME, SIBLING, AWAY))
    assert here == Person(Standing.MEMBER, manages=flag != "is_app_user" or bool(everywhere))
    assert there == Person(Standing.MEMBER, manages=bool(everywhere))
    assert away == Person(Standing.OUTSIDER)


@pytest.mark.parametrize("flag", ["is_restricted", "is_ultra_restricted"])
def test_a_guest_of_one_workspace_of_an_organisation_is_a_guest_in_all(flag: str) -> None:
    told = of_an_organisation(flag, {"is_admin": True})
    assert [described(told, team_id) for team_id in (HOME, SIBLING)] == [Person(Standing.GUEST)] * 2


@pytest.mark.parametrize(
    ("channel", "audience"),
    [
        ({"is_private": False}, Audience.PUBLIC),
        ({"is_private": True}, Audience.PRIVATE),
        ({"is_mpim": True}, Audience.PRIVATE),
        ({"is_im": True}, Audience.DIRECT),
        ({"is_private": True, "is_ext_shared": True}, Audience.SHARED),
        ({"is_private": True, "is_pending_ext_shared": True}, Audience.SHARED),
        ({"id": "C1"}, Audience.UNKNOWN),
        ({"is_private": None}, Audience.UNKNOWN),
        ({}, Audience.UNKNOWN),
        (None, Audience.UNKNOWN),
    ],
)
def test_who_reads_a_channel(channel: Json | None, audience: Audience) -> None:
    assert readers({"ok": True, "channel": channel}) is audience
