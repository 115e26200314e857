"""A folder whose repository goes by another name than when a console was first started there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bots.console.arrival import becomes_default
from core.channels.choosing import Mapping
from tests.console.conftest import git
from tests.console.processes import Home
from tests.fakes.chat import FakeChat

WHERE = ("console", "--ask", "where is make_widget defined?")
NEW = "github.com/acme/renamed"
OURS = "alice (folder)"


def mapping(repository: str, set_by: str, *, default: bool) -> Mapping:
    return Mapping(repository, None, default, None, set_by, datetime.now(UTC))


@pytest.mark.parametrize(
    ("here", "taken"),
    [
        ((), True),
        ((mapping("local/a/b", OURS, default=True),), True),
        ((mapping("github.com/acme/other", OURS, default=True), mapping(NEW, OURS, default=False)), True),
        ((mapping("github.com/Acme/Renamed", OURS, default=True),), False),
        ((mapping("github.com/acme/other", "alice", default=True), mapping(NEW, OURS, default=False)), False),
        ((mapping("github.com/acme/other", "alice (shell)", default=True),), False),
    ],
)
def test_the_name_of_now_takes_over_from_former_names_alone(here: tuple[Mapping, ...], taken: bool) -> None:
    assert becomes_default(here, NEW, OURS) is taken


async def test_an_origin_is_added(home: Home) -> None:
    git(home.repository, "remote", "remove", "origin")
    assert (await home.run(*WHERE)).code == 0
    git(home.repository, "remote", "add", "origin", "git@github.com:acme/renamed.git")
    done = await home.run(*WHERE)
    assert (done.code, done.err) == (0, "")
    assert "widgets/factory.py:" in done.out
    assert f"`{NEW}` (default)" in (await home.run("list")).out


async def test_an_origin_is_changed_and_changed_back(away: Home, chat: FakeChat) -> None:
    for name in ("widgets", "renamed", "widgets"):
        git(away.repository, "remote", "set-url", "origin", f"https://github.com/acme/{name}.git")
        assert (await away.run(*WHERE)).code == 0
    asked = [request.repository for request in chat.requests]
    assert asked == ["github.com/acme/widgets", NEW, "github.com/acme/widgets"]


@pytest.mark.parametrize("before", ["remove origin", "set-url origin https://github.com/acme/former.git"])
async def test_a_conversation_goes_on_under_the_former_name_about_the_same_folder(home: Home, before: str) -> None:
    git(home.repository, "remote", *before.split())
    assert (await home.run(*WHERE)).code == 0
    git(home.repository, "config", "remote.origin.url", "https://github.com/acme/renamed.git")
    done = await home.run("console", "--resume", given="who calls make_widget?\n")
    assert (done.code, done.err) == (0, "")
    assert "widgets/shop.py:" in done.out


async def test_what_somebody_chose_stays(away: Home, chat: FakeChat) -> None:
    assert (await away.run("map", "acme/gadgets")).code == 0
    for name in ("widgets", "renamed"):
        git(away.repository, "remote", "set-url", "origin", f"https://github.com/acme/{name}.git")
        assert (await away.run(*WHERE)).code == 0
    assert {request.repository for request in chat.requests} == {"github.com/acme/gadgets"}
