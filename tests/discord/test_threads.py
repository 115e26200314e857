"""What threads are called, and what is stored with a question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.attached import File
from bots.discord.reference import Invocation, Reference, decode, files_of
from bots.discord.threads import name


@pytest.mark.parametrize(
    ("asked", "called"),
    [
        ("How does login work?", "How does login work?"),
        ("How does\n\n  login\twork?", "How does login work?"),
        ("**Why** does `login()` ~~not~~ __work__?", "Why does login() not work?"),
        ("<@123> and <@!4> of <@&5>, see <#6> <:smile:7> <a:wave:8> <t:9:R> </askrepo:10>", "and of , see"),
        ("@everyone look", "everyone look"),
        ("# Title\n> quote\n- item\n1. first", "Title quote item first"),
        ("```python\nprint(1)\n```", "python print(1)"),
        ("a < b and c > d", "a < b and c > d"),
        ("in:web why?", "in:web why?"),
        ("\u202egnol\u200b", "gnol"),
        ("", "Question"),
        ("<@1>", "Question"),
        ("***", "Question"),
        ("x" * 101, "x" * 99 + "…"),
        ("word " * 30, ("word " * 19).strip() + "…"),
        ("long" * 30 + " x", ("long" * 30)[:99] + "…"),
    ],
)
def test_a_name(asked: str, called: str) -> None:
    assert name(asked) == called


@given(st.text(max_size=300))
def test_every_name_is_one_that_discord_takes(asked: str) -> None:
    called = name(asked)
    assert 1 <= len(called) <= 100
    assert called == called.strip()
    assert "\n" not in called


FULL = Reference(
    in_thread=True,
    direct=True,
    outsider=False,
    files=(File("1", "a.txt", "text/plain", 5, "https://cdn.discordapp.com/attachments/1/2/a.txt?ex=1"),),
    left_out=2,
    command=Invocation("3", "token", 1.5, "about"),
    about_text="words",
)


def test_a_reference_is_read_as_it_was_written() -> None:
    for reference in (FULL, Reference(), Reference(outsider=True)):
        assert decode(reference.encode()) == reference


def test_the_token_of_an_interaction_is_not_printed() -> None:
    assert "token'" not in repr(FULL)


@pytest.mark.parametrize(
    "stored", ["", "[]", "null", "{", '"x"', "[" * 100_000, '{"thread":1,"outsider":"no","command":[1,2,3,4]}']
)
def test_what_cannot_be_read_was_never_said(stored: str) -> None:
    assert decode(stored) == Reference()


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=10))
def test_no_value_of_a_field_raises(value: object) -> None:
    files_of(value)
    files_of([{"id": value, "filename": value, "size": value, "url": value, "content_type": value}])
