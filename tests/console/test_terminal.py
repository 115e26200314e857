"""The console as somebody at a terminal sees it."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.console.conftest import pausing
from tests.console.processes import Home, Terminal
from tests.console.test_piped import keep_the_lease, turns
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import says

LONG = """## Leases

They are renewed in `core/relay/leases.py:69-86`.

```python
def renew() -> None:
    pass
```

1. one
2. two

| who | where |
|---|---|
| worker | `worker.py:12` |

The end."""

Open = Callable[..., Awaitable[Terminal]]


@pytest.fixture
async def terminal(away: Home) -> AsyncIterator[Open]:
    """Starts `askrepo console` at terminals that are closed when the test ends."""
    opened: list[Terminal] = []

    async def start(
        *arguments: str, home: Home = away, columns: int = 100, lines: int = 30, **settings: str
    ) -> Terminal:
        terminal = await Terminal.start(home, "console", *arguments, columns=columns, lines=lines, **settings)
        opened.append(terminal)
        return terminal

    yield start
    for each in opened:
        each.close()


def once(seen: str, *texts: str) -> None:
    """Each of these is on the terminal exactly once, in this order."""
    assert [seen.count(text) for text in texts] == [1] * len(texts), seen
    assert sorted(texts, key=seen.index) == list(texts), seen


async def test_words_are_whole_in_a_narrow_window(terminal: Open, chat: FakeChat, away: Home) -> None:
    chat.will(says("An answer whose words are worth reading without any break inside of one of them."))
    assert (await away.run("console", "--ask", "which words are read?")).code == 0
    console = await terminal("--resume", columns=40)
    await console.prompt(1)
    lines = [line for line in console.text.splitlines() if "·" not in line]  # there a folder stands, too long for a row
    assert all(len(line) <= 40 for line in lines), "left to the terminal to fold"
    shown = " ".join(line.strip() for line in lines)
    assert "/help lists commands, Ctrl-D leaves." in shown
    assert "worth reading without any break inside of one of them." in shown


async def test_a_conversation(terminal: Open, chat: FakeChat, away: Home) -> None:
    chat.will(says(*(LONG[at : at + 7] for at in range(0, len(LONG), 7))))
    console = await terminal()
    await console.prompt(1)
    once(console.text, "askrepo · github.com/acme/widgets", str(away.repository), "/help")
    console.type("how are leases renewed?\r")
    await console.prompt(2)
    once(
        console.text,
        *("› how are leases renewed?", "Leases", "They are renewed in core/relay/leases.py:69-86.", "def renew()"),
        *("1. one", "2. two", "worker.py:12", "The end.", "github.com/acme/widgets · gpt-4o · "),
    )
    assert "```" not in console.text
    assert "Ctrl-C stops" not in console.text
    console.type("and who calls it?\r")
    await console.prompt(3)
    assert "You asked about github.com/acme/widgets: and who calls it?" in console.text
    assert [message["role"] for message in chat.requests[1].json["messages"]] == ["user", "assistant", "user"]
    console.type("/list\r")
    await console.prompt(4)
    assert "github.com/acme/widgets (default), set by" in console.text
    console.type("\x04")
    assert await console.ended() == 0
    assert (away.data / "console.history").stat().st_mode & 0o777 == 0o600
    assert turns(away) == [("answered", 1), ("answered", 1)]


async def test_ctrl_c_stops_the_answer_and_not_the_program(terminal: Open, chat: FakeChat, away: Home) -> None:
    chat.will(pausing("This much\n\ncame", " and never this", asyncio.Event()))
    console = await terminal()
    await console.prompt(1)
    console.type("\x03")
    await console.until("Ctrl-D or /quit leaves")
    await console.prompt(2)
    console.type("half a ques\x03")
    console.type("tell me all\r")
    await console.until("came", "Ctrl-C stops")
    console.type("\x03")
    await console.prompt(3)
    once(console.text, "› tell me all", "This much", "came", "Stopped, as you asked.", "· stopped")
    assert "never this" not in console.text
    assert "half a ques" not in console.text
    console.type("/retry\r")
    await console.prompt(5)
    assert "You asked about github.com/acme/widgets: tell me all" in console.text
    assert turns(away) == [("stopped", 1), ("answered", 1)]
    console.type("\x03")
    await console.prompt(6)
    console.type("\x03")
    assert await console.ended() == 0


async def test_a_window_that_changes_shows_each_line_once(terminal: Open, chat: FakeChat) -> None:
    go_on = asyncio.Event()
    half = LONG.index("2. two")
    chat.will(pausing(LONG[:half], LONG[half:], go_on))
    console = await terminal(columns=120, lines=40)
    await console.prompt(1)
    console.type("how?\r")
    await console.until("1. one")
    console.resize(46, 20)
    console.send(signal.SIGWINCH)
    go_on.set()
    await console.prompt(2)
    once(console.text, "Leases", "They are renewed in", "def renew()", "1. one", "2. two", "worker.py:12", "The end.")


async def test_killed_and_resumed_the_answer_is_shown_whole(terminal: Open, chat: FakeChat, away: Home) -> None:
    chat.will(says("The first answer."), pausing("Begun\n\nand", "", asyncio.Event()))
    console = await terminal()
    await console.prompt(1)
    console.type("first?\r")
    await console.prompt(2)
    other = await away.run("console", "--resume")
    assert "open in another terminal" in other.sentence
    console.type("second?\r")
    await console.until("Begun")
    elsewhere = await away.run("console", "--ask", "third?")
    assert (elsewhere.code, elsewhere.err) == (0, "")  # nothing to resume while the other console lives
    console.send(signal.SIGKILL)
    await console.ended()
    keep_the_lease(away)
    chat.will(says("The whole answer.\n\n", "All of it."), says("The fourth."))
    again = await terminal("--resume")
    await again.prompt(3)
    once(again.text, "› first?", "The first answer.", "› second?", "The whole answer.", "All of it.", "· gpt-4o ·")
    again.type("fourth?\r")
    await again.prompt(4)
    once(again.text, "The fourth.")
    assert turns(away) == [("answered", 1), ("answered", 2), ("answered", 1), ("answered", 1)]
    assert len(chat.requests[-1].json["messages"]) == 5


async def test_a_new_conversation_and_a_dead_one(terminal: Open, chat: FakeChat, away: Home) -> None:
    chat.will(says("One."), pausing("Begun", "", asyncio.Event()))
    console = await terminal()
    await console.prompt(1)
    console.type("first?\r")
    await console.prompt(2)
    console.type("/map acme/gadgets\r")
    await console.prompt(3)
    console.type("/map acme/gadgets\r")
    await console.until("once more makes this one the default", "/new begins another.")
    await console.prompt(4)
    console.type("/new\r")
    await console.prompt(5)
    console.type("second?\r")
    await console.until("Begun")
    assert chat.requests[1].repository == "github.com/acme/gadgets"
    assert [message["content"] for message in chat.requests[1].json["messages"]] == ["second?"]
    console.send(signal.SIGTERM)
    assert await console.ended() == 1
    await console.until("The question is kept")
    fresh = await terminal()
    await fresh.until("A question asked here earlier still waits for an answer; askrepo console --resume")
    await fresh.prompt(1)
    fresh.type("\x04")
    assert await fresh.ended() == 0


async def test_a_question_that_still_waits_can_be_stopped(terminal: Open, chat: FakeChat, away: Home) -> None:
    chat.will(pausing("Begun", "", asyncio.Event()))
    console = await terminal("--ask", "what is it?")
    await console.until("Begun")
    console.send(signal.SIGTERM)
    await console.ended()
    with sqlite3.connect(away.data / "askrepo.db") as connection:
        connection.execute("UPDATE turns SET due_at = due_at + 100000, attempt = 0")
    connection.close()
    again = await terminal("--resume")
    await again.until("› what is it?", "Ctrl-C stops")
    again.type("\x03")
    await again.prompt(2)
    once(again.text, "› what is it?", "Stopped, as you asked.")
    assert turns(away) == [("stopped", 1)]


async def test_told_to_end_at_the_prompt_it_ends(terminal: Open) -> None:
    console = await terminal()
    await console.prompt(1)
    console.send(signal.SIGTERM)
    assert await console.ended() == 0


async def test_told_to_end_at_a_paused_terminal_it_ends(terminal: Open, chat: FakeChat, away: Home) -> None:
    chat.will(pausing("Begun", "", asyncio.Event()))
    console = await terminal("--ask", "what is it?")
    await console.until("Begun")
    console.pause()
    console.send(signal.SIGTERM)
    assert await console.ended() == 1
    assert turns(away) == [("waiting", 1)]


async def test_a_question_given_is_asked_first_and_the_console_stays(terminal: Open) -> None:
    console = await terminal("--ask", "what is \x1b]0;it\x07?", NO_COLOR="1")
    await console.prompt(2)
    assert "You asked about github.com/acme/widgets: what is ?" in console.text
    assert "\x1b]" not in console.raw
    assert not re.search(r"\x1b\[(?:\d+;)*[349][0-7]m", console.raw)
    console.type("/quit\r")
    assert await console.ended() == 0


async def test_a_terminal_that_can_do_nothing(terminal: Open, chat: FakeChat) -> None:
    chat.will(says(LONG))
    console = await terminal("--ask", "how?", TERM="dumb")
    await console.prompt(2)
    assert "\x1b" not in console.raw
    once(console.text, "Leases", "They are renewed in", "def renew()", "1. one", "worker.py:12", "The end.")
    console.type("/quit\r")
    assert await console.ended() == 0


async def test_what_was_typed_before_can_be_called_back(terminal: Open, away: Home) -> None:
    console = await terminal()
    await console.prompt(1)
    console.type("a question to keep\r")
    await console.prompt(2)
    lines = (
        "/token set abcdef1234567890",
        "my key xoxb-1234567890-AbCdEf987654 is bad",
        "/map https://me:aBc9dEf8gH7@github.com/a/b",
    )
    for number, line in enumerate(lines, 3):
        console.type(f"{line}\r")
        await console.prompt(number)
    console.type("\x04")
    await console.ended()
    kept = (away.data / "console.history").read_text()
    assert not any(token in kept for token in ("abcdef1234567890", "xoxb-", "aBc9dEf8gH7"))
    again = await terminal()
    await again.prompt(1)
    again.type("\x1b[A\r")
    await again.until("You asked about github.com/acme/widgets: a question to keep")
