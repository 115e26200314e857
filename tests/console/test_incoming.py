"""What a line means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.console.incoming import Incoming, Leave, Nothing, Unknown, read
from core.channels.grammar import Ask, Help, List, Map, Mistake, ThreadWord, Token, TokenAction, Unmap, Why
from core.errors import RepositoryNameError

WIDGETS = "github.com/acme/widgets"
TOKEN = Token(TokenAction.SET, pasted=True)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("how does it work?", Ask("how does it work?")),
        ("  list the routes \n", Ask("list the routes")),
        ("in:web where is it?", Ask("in:web where is it?")),
        ("what does \x1b[31mthis\x1b[0m do", Ask("what does this do")),
        ("/usr/bin/env is used where?", Ask("/usr/bin/env is used where?")),
        ("/ what is this", Ask("/ what is this")),
        ("my key xoxb-1234567890-AbCdEf987654 is bad", TOKEN),
        ("token set abcdef123456", TOKEN),
        ("/lits xoxb-1234567890-AbCdEf987654", TOKEN),
        ("stop", ThreadWord.STOP),
        ("New.", ThreadWord.NEW),
        ("retry", ThreadWord.RETRY),
        ("mute", Ask("mute")),
        ("Help", Help()),
        ("help me", Ask("help me")),
        ("quit", Leave()),
        ("exit", Leave()),
        ("/askrepo quit", Leave()),
        ("exit codes are set where?", Ask("exit codes are set where?")),
        ("", Nothing()),
        (" \t ", Nothing()),
        ("/quit", Leave()),
        ("/EXIT ", Leave()),
        ("/new", ThreadWord.NEW),
        ("/askrepo retry", ThreadWord.RETRY),
        ("/stop", ThreadWord.STOP),
        ("/help", Help()),
        ("/askrepo", Help()),
        ("/askrepo how does it work?", Ask("how does it work?")),
        ("/askrepo map lookups, how do they work?", Ask("map lookups, how do they work?")),
        ("/askrepo map acme/widgets as web", Map(WIDGETS, "web")),
        ("/map acme/widgets", Map(WIDGETS)),
        ("/unmap", Unmap()),
        ("/list", List()),
        ("/why in:web", Why("in:web")),
        ("/token set abcdef123456", TOKEN),
        ("/askrepo mapp foo/bar", Unknown("/askrepo mapp")),
        ("/askrepo lits", Unknown("/askrepo lits")),
        ("/askrepo lists all of them?", Ask("lists all of them?")),
        ("/lits", Unknown("/lits")),
        ("/list all of them", Unknown("/list")),
        ("/mute", Unknown("/mute")),
    ],
)
def test_a_line(line: str, meant: Incoming) -> None:
    assert read(line) == meant


def test_a_mistake_is_told_and_not_asked() -> None:
    meant = read("/map widgets")
    assert isinstance(meant, Mistake)
    assert isinstance(meant.error, RepositoryNameError)


@given(st.text() | st.text("/askrepo mapnewquit./").map(lambda text: f"/{text}"))
def test_every_line_means_something(line: str) -> None:
    meant = read(line)
    assert not isinstance(meant, Ask) or meant.text.strip()
