"""Pipes, files and scripts: plain answers, notices apart, exit codes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3

import pytest

from tests.console.conftest import pausing
from tests.console.processes import Done, Home
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import refuses, says

CITATION = re.compile(r"`?([\w./-]+\.\w+):(\d+)(?:-(\d+))?`?")
RED = "\x1b[31mred\x1b[0m \u202eevil"


def turns(home: Home) -> list[tuple[str, int]]:
    """Outcome and attempts of every question that was asked."""
    with sqlite3.connect(home.data / "askrepo.db") as connection:
        rows = connection.execute("SELECT status, attempt FROM turns ORDER BY position").fetchall()
    connection.close()
    return [(status, attempt) for status, attempt in rows]


def pass_an_hour(home: Home) -> None:
    """As if the console had been left an hour ago."""
    with sqlite3.connect(home.data / "askrepo.db") as connection:
        connection.execute("UPDATE turns SET late_at = late_at - 3600000, lease_until = lease_until - 3600000")
    connection.close()


def keep_the_lease(home: Home) -> None:
    """Let the lease of the dead last for hours: whoever waits for its end gets nowhere in this test."""
    with sqlite3.connect(home.data / "askrepo.db") as connection:
        connection.execute("UPDATE turns SET lease_until = lease_until + 10000000 WHERE status = 'running'")
    connection.close()


async def test_the_embedded_chat_cites_what_exists_and_follows_up(home: Home) -> None:
    done = await home.run("console", given="where is make_widget defined?\n\nand who calls it?\n")
    assert (done.code, done.err, done.plain) == (0, "", True)
    cited = {(name, int(first), int(last or first)) for name, first, last in CITATION.findall(done.out)}
    assert cited
    for name, first, last in cited:
        assert 1 <= first <= last <= len((home.repository / name).read_text().splitlines())
    assert "widgets/factory.py:" in done.out
    assert "widgets/shop.py:" in done.out
    assert turns(home) == [("answered", 1), ("answered", 1)]


async def test_each_line_is_asked_in_context_and_answered_apart(away: Home, chat: FakeChat) -> None:
    chat.will(says("# One\n\n", "- `a` ", RED), says("Two."))
    done = await away.run("console", given="first?\n\n  \nsecond?")
    assert (done.code, done.err) == (0, "")
    assert done.out == "# One\n\n- `a` red evil\n\nTwo.\n"
    asked = [request.json["messages"] for request in chat.requests]
    assert [message["content"] for message in asked[0]] == ["first?"]
    assert [message["role"] for message in asked[1]] == ["user", "assistant", "user"]
    assert {request.repository for request in chat.requests} == {"github.com/acme/widgets"}


async def test_each_line_is_answered_if_only_by_why_it_cannot_be(away: Home, chat: FakeChat) -> None:
    chat.will(says("Fine."), refuses(401, code="invalid_api_key"))
    done = await away.run("console", given="one\n/foo\ntwo\n/list\nnew\n")
    assert (done.code, done.err) == (1, "")
    fine, foo, two, listed, new = done.out.split("\n\n")
    assert fine == "Fine."
    assert foo.startswith("`/foo` is no command")
    assert two.startswith("The service refused the token")
    assert listed.startswith("Mapped here:\n- `github.com/acme/widgets` (default), set by ")
    assert new == "A new conversation begins here.\n"
    assert "tok-canary-1" not in done.err + done.out + (away.data / "console.log").read_text()
    assert (away.data / "console.log").stat().st_mode & 0o777 == 0o600


async def test_where_the_log_cannot_be_written_the_answer_comes_all_the_same(home: Home) -> None:
    home.data.mkdir(parents=True)
    (home.data / "console.log").symlink_to("/dev/full")
    done = await home.run("console", "--ask", "where is make_widget defined?")
    assert (done.code, done.err) == (0, "")
    assert "widgets/factory.py:" in done.out


async def test_one_question_from_a_script(away: Home, chat: FakeChat) -> None:
    done = await away.run("console", "--repo", "acme/gadgets", "--ask", "what is it?", given="not read\n")
    assert (done.code, done.out, done.err) == (0, "You asked about github.com/acme/gadgets: what is it?\n", "")


async def test_a_question_with_a_token_in_it_is_not_asked(away: Home, chat: FakeChat) -> None:
    sentence = (await away.run("console", "--ask", "my key xoxb-1234567890-AbCdEf987654 is bad")).sentence
    assert sentence.startswith("There is a token in that line, so I neither stored it nor sent it on.")
    assert (chat.requests, turns(away)) == ([], [])


async def test_what_is_no_command_fails_a_script(home: Home) -> None:
    assert "`/nosuch` is no command" in (await home.run("console", "--ask", "/nosuch")).sentence
    done = await home.run("console", given="/nosuch\n")
    assert (done.code, done.err) == (1, "")
    assert "`/nosuch` is no command" in done.out


async def test_the_help_of_a_terminal_asks_for_no_mention(home: Home) -> None:
    said = (await home.run("console", given="/help\n")).out
    assert "in:owner/name" in said
    assert "Ctrl-D or `/quit` leaves" in said
    assert "mention" not in said
    assert "channel" not in said
    assert "settings" not in said


async def test_a_terminal_has_no_settings(home: Home) -> None:
    assert "has no settings" in (await home.run("console", "--ask", "/settings")).sentence


async def test_where_nothing_was_cut_off_resume_says_so(away: Home) -> None:
    assert (await away.run("console", "--resume")).err == "There is no earlier conversation here; a new one begins.\n"
    assert (await away.run("console", "--ask", "what is it?")).code == 0
    done = await away.run("console", "--resume")
    assert (done.code, done.out, done.err) == (0, "", "Nothing was cut off here.\n")


async def test_many_lines_are_all_answered(away: Home) -> None:
    done = await away.run("console", given="".join(f"what is {number}?\n" for number in range(25)))
    assert (done.code, done.err) == (0, "")
    assert turns(away) == [("answered", 1)] * 25


async def test_nobody_reads_the_answer(away: Home, chat: FakeChat) -> None:
    go_on = asyncio.Event()
    chat.will(pausing("so", " far", go_on))
    asking = await away.start("console", "--ask", "anything?")
    await chat.arrival()
    asking.stop_reading()
    go_on.set()
    assert await asking.done() == Done(1, "", "")


async def test_told_to_end_it_hands_the_question_back_and_resume_answers_it(away: Home, chat: FakeChat) -> None:
    chat.will(pausing("never ", "seen", asyncio.Event()), says("The whole answer."))
    asking = await away.start("console", "--ask", "what is it?")
    await chat.arrival()
    asking.process.send(signal.SIGTERM)
    done = await asyncio.wait_for(asking.done(), 25)
    assert (done.code, done.out) == (1, "")
    assert "askrepo console --resume" in done.err
    assert turns(away) == [("waiting", 1)]
    done = await away.run("console", "--resume")
    assert (done.code, done.out, done.err) == (0, "The whole answer.\n", "")
    assert turns(away) == [("answered", 2)]


@pytest.mark.parametrize("together", [False, True], ids=["apart", "notices with answers"])
async def test_told_to_end_it_ends_though_nobody_reads(away: Home, chat: FakeChat, together: bool) -> None:
    chat.will(says(*["word " * 1_000] * 100), says("The whole answer."))
    asking = await away.start("console", "--ask", "what is it?", together=together)
    await asyncio.to_thread(os.read, asking.out, 1)  # the rest does not fit into the pipe
    asking.process.send(signal.SIGTERM)
    assert await asking.process.ended() == 1
    done = await away.run("console", "--resume")
    assert (done.code, done.out, done.err) == (0, "The whole answer.\n", "")
    assert turns(away) == [("answered", 2)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_an_hour_later_the_question_is_still_kept(away: Home, chat: FakeChat, number: signal.Signals) -> None:
    chat.will(pausing("never ", "seen", asyncio.Event()), says("The whole answer."))
    asking = await away.start("console", "--ask", "what is it?")
    await chat.arrival()
    asking.process.send(number)
    await asking.done()
    pass_an_hour(away)
    done = await away.run("console", "--resume")
    assert (done.code, done.out, done.err) == (0, "The whole answer.\n", "")
    assert turns(away) == [("answered", 2)]


async def test_killed_in_mid_answer_the_question_has_one_outcome(away: Home, chat: FakeChat) -> None:
    chat.will(pausing("begun ", "", asyncio.Event()), says("Another."), says("The whole answer."))
    asking = await away.start("console", "--ask", "what is it?")
    await chat.arrival()
    asking.process.send(signal.SIGKILL)
    assert (await asking.done()).code == -signal.SIGKILL
    assert turns(away) == [("running", 1)]
    keep_the_lease(away)
    other = await away.run("console", "--ask", "something else?")
    assert (other.code, other.out) == (0, "Another.\n")
    assert "A question asked here earlier" in other.err
    done = await away.run("console", "--resume")
    assert (done.code, done.out, done.err) == (0, "The whole answer.\n", "")
    assert turns(away) == [("answered", 2), ("answered", 1)]


async def test_ctrl_c_in_a_script_ends_it(away: Home, chat: FakeChat) -> None:
    chat.will(pausing("begun ", "", asyncio.Event()))
    asking = await away.start("console")
    asking.say("what is it?\nnever asked\n")
    await chat.arrival()
    asking.process.send(signal.SIGINT)
    done = await asking.done()
    assert (done.code, done.err) == (1, "")
    assert "Stopped" in done.out
    assert turns(away) == [("stopped", 1)]


@pytest.mark.parametrize("line", ["/foo", "what is it?"])
async def test_told_to_end_between_lines_it_says_that_one_failed(away: Home, chat: FakeChat, line: str) -> None:
    chat.will(refuses(401, code="invalid_api_key"))
    asking = await away.start("console", together=True)
    asking.say(f"{line}\n")
    assert await asyncio.to_thread(os.read, asking.out, 1_000)  # it is told
    asking.process.send(signal.SIGTERM)
    assert await asking.process.ended() == 1


async def test_ctrl_c_between_lines_says_that_not_all_was_asked(away: Home, chat: FakeChat) -> None:
    chat.will(says("One."))
    asking = await away.start("console")
    asking.say("one\n")
    assert await asyncio.to_thread(os.read, asking.out, 1_000) == b"One.\n"
    asking.process.send(signal.SIGINT)
    assert await asking.process.ended() == 1
