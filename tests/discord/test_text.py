"""The text of a Discord message, as people read it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.discord.text import readable

BOT, ROLE, ANNA, CODE = "900000000000000001", "900000000000000002", "100000000000000001", "200000000000000001"
NAMES = {ANNA: "Anna Example", CODE: "code", "300000000000000001": "Reviewers"}


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("where are the routes?", "where are the routes?"),
        (f"<@{ANNA}> and <@!{ANNA}>", "@Anna Example and @Anna Example"),
        (f"ask <@&300000000000000001> in <#{CODE}>", "ask @Reviewers in #code"),
        ("who is <@123456789012345678>?", "who is @123456789012345678?"),
        ("ship it <:party:300000000000000002> <a:spin:300000000000000003>", "ship it :party: :spin:"),
        ("since <t:1760000100>, <t:1760000100:R>", "since 2025-10-09 08:55 UTC, 2025-10-09 08:55 UTC"),
        ("at <t:9999999999999>", "at 9999999999999"),
        ("use </askrepo-map:300000000000000004>", "use /askrepo-map"),
        (f"`<@{ANNA}>` and ``<#{CODE}>`` stay", f"`<@{ANNA}>` and ``<#{CODE}>`` stay"),
        (f"```\n<@{ANNA}>\n```<@{ANNA}>", f"```\n<@{ANNA}>\n```@Anna Example"),
        ("a < b && c > d, <T>, <https://example.com>", "a < b && c > d, <T>, <https://example.com>"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("in\u202evisible\u200b", "invisible"),
        ("@everyone look", "@everyone look"),
        ("  \n ", ""),
    ],
)
def test_it_reads_as_people_see_it(raw: str, read: str) -> None:
    assert readable(raw, NAMES) == read


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (f"<@{BOT}> why?", "why?"),
        (f"<@!{BOT}>, why?", "why?"),
        (f" <@{BOT}>\n<@{BOT}>: why?", "why?"),
        (f"<@&{ROLE}> why?", "why?"),
        (f"hey <@{BOT}>, why?", "hey, why?"),
        (f"why, <@{BOT}>?", "why,?"),
        (f"<@{BOT}> ask <@{ANNA}>", "ask @Anna Example"),
        (f"<@{BOT}> `<@{BOT}>` is what I write", f"`<@{BOT}>` is what I write"),
        (f"<@{BOT}>", ""),
        (f"<@{BOT}> :colon stays", ":colon stays"),
        (f"line\n<@{BOT}> end", "line\n end"),
    ],
)
def test_our_own_mention_is_no_part_of_the_question(raw: str, read: str) -> None:
    assert readable(raw, NAMES, without=(BOT, ROLE)) == read


def test_no_role_of_ours_leaves_everything_else() -> None:
    assert readable(f"<@{BOT}> why? <@&{ROLE}>", {}, without=(BOT, "")) == f"why? @{ROLE}"


@given(st.text(alphabet="<>@!&#:t/`\n \x000123456789aé\u202e"))
def test_it_never_raises_and_hides_nothing(raw: str) -> None:
    read = readable(raw, {}, without=(BOT, ROLE))
    assert "\0" not in read
    assert "\u202e" not in read


@pytest.mark.parametrize("piece", ["`", "``", "```", "<@", "<t:1", " ", f"<@{BOT}>", "\t \t", "<:a:"])
def test_no_text_takes_long(piece: str) -> None:
    began = time.process_time()
    readable(piece * (8_000 // len(piece)), {}, without=(BOT, ROLE))
    assert time.process_time() - began < 2
