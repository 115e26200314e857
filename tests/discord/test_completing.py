"""What is offered while somebody types the name of a repository."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord.completing import choices
from bots.discord.interactions import Completing, of_interaction
from core.channels.choosing import Facts, Mapping, WorkspaceDefault
from core.repositories import parse
from tests.discord.invoked import BOT, typing
from tests.fakes.discord_fields import items, record, text

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
WEB, OTHER, USUAL, LAST = (f"github.com/acme/{name}" for name in ("web-app", "other", "usual", "last"))
FACTS = Facts(
    mappings=(Mapping(WEB, "web", True, None, "U1", AT), Mapping(OTHER, None, False, None, "U1", AT, suspended_at=AT)),
    workspace_default=WorkspaceDefault(USUAL, "U1", AT),
    process_repository=LAST,
)


def typed(command: str, text: str, option: str = "repository") -> Completing:
    found = of_interaction(typing(command, option, text), BOT)
    assert isinstance(found, Completing)
    return found


def offered(command: str, text: str = "", facts: Facts = FACTS) -> list[str]:
    return [each["value"] for each in choices(typed(command, text), facts)]


@pytest.mark.parametrize(
    ("command", "text", "values"),
    [
        ("askrepo-map", "", [WEB, OTHER, USUAL, LAST]),
        ("askrepo-map", "USU", [USUAL]),
        ("askrepo-map", "acme/new", ["github.com/acme/new"]),
        ("askrepo-map", "https://github.com/acme/other/tree/main", [OTHER]),
        ("askrepo-map", "no such thing", []),
        ("askrepo-unmap", "", [WEB, OTHER]),
        ("askrepo-unmap", "(web)", [WEB]),
        ("askrepo-unmap", "acme/new", []),
        ("askrepo-default", "", [WEB, OTHER, USUAL, LAST, "none"]),
        ("askrepo-default", "non", ["none"]),
        ("askrepo-list", "", []),
        ("askrepo", "", []),
    ],
)
def test_what_is_offered(command: str, text: str, values: list[str]) -> None:
    assert offered(command, text) == values


def test_an_alias_is_shown_beside_its_repository() -> None:
    assert choices(typed("askrepo-unmap", "web"), FACTS) == [{"name": f"{WEB} (web)", "value": WEB}]


def test_nothing_is_offered_for_an_alias_to_be() -> None:
    assert choices(typed("askrepo-map", "", option="alias"), FACTS) == []


def test_where_nothing_is_known_nothing_is_offered() -> None:
    assert offered("askrepo-map", facts=Facts()) == []


def test_25_are_offered_at_most_and_none_that_is_too_long_to_choose() -> None:
    long = f"github.com/acme/{'x' * 90}"
    names = [long, *(f"github.com/acme/r{number:02}" for number in range(40))]
    facts = Facts(mappings=tuple(Mapping(each, None, False, None, "U1", AT) for each in names))
    assert offered("askrepo-unmap", facts=facts) == names[1:26]


@given(
    st.lists(st.from_regex(r"[a-z]{1,39}/([a-z0-9][._-]?){1,45}x", fullmatch=True), max_size=40),
    st.text(max_size=120),
    st.sampled_from(["askrepo-map", "askrepo-unmap", "askrepo-default"]),
)
def test_every_offer_is_one_that_discord_takes_and_the_command_reads(
    names: list[str], text_typed: str, command: str
) -> None:
    mappings = tuple(Mapping(f"github.com/{each}", None, False, None, "U1", AT) for each in names)
    found = choices(typed(command, text_typed), Facts(mappings=mappings))
    items(record({"name": text(100, 1), "value": text(100, 1)}), 25)(found, "choices")
    assert all(each["value"] == "none" or parse(each["value"]) == each["value"] for each in found)
