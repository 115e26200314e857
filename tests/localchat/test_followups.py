"""Follow-ups are understood by what came before."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.localchat.asking import check
from tests.localchat.conftest import Opened
from tests.localchat.repository import commit, make, write

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one server for all

RETRY_USES = {"shop/client.py", "shop/jobs/nightly.py", "tests/test_retry.py"}


async def test_who_calls_it_finds_the_uses_of_what_was_found_first(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        first = await asker.answer("how does the retry decorator work?")
        assert check(first, shop)[0].path == "shop/retry.py"
        second = await asker.answer("how does the retry decorator work?", first, "and who calls it?")
    found = check(second, shop)
    quoted = {one.path: "\n".join(one.quoted or []) for one in found}
    assert set(quoted) - {"shop/retry.py"} == RETRY_USES
    assert (
        "retry_call(lambda: self._get" in quoted["shop/client.py"] or "@retry(attempts=5)" in quoted["shop/client.py"]
    )
    assert "retry_call(source.pages)" in quoted["shop/jobs/nightly.py"]
    assert not any("def retry_call" in text for text in quoted.values())
    assert [one.path for one in found].index("shop/client.py") < [one.path for one in found].index(
        "tests/test_retry.py"
    )
    assert "in `rebuild_catalogue`" in second
    assert "found by name alone" in second


async def test_a_named_symbol_needs_no_context(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        for question in ("who calls retry_call?", "Where is `retry_call` used?", "callers of retry_call"):
            found = check(await asker.answer("what is the tax?", "19 %", question), shop)
            assert {one.path for one in found if one.quoted} == RETRY_USES | {"shop/retry.py"}


async def test_a_name_that_stands_nowhere_is_taken_for_no_other(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        for question in ("Who calls `retry_cal`?", "where is shop.retry_cal used?"):
            answer = await asker.answer(question)
            assert re.match(r"No model is configured, and nothing in \S+ at \S+ is called `\S*retry_cal`\.\n", answer)
            assert "Names that look similar: `retry_call`." in answer
            assert not check(answer, shop)
        plain = await asker.answer("who calls retries?")
    assert " is called `retries`; these places there use `retry" in plain


async def test_a_name_of_elsewhere_is_found_by_its_uses(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        found = check(await asker.answer("who uses `time.sleep`?"), shop)
    assert {one.path for one in found} == {"shop/retry.py"}
    assert any("time.sleep(" in line for line in found[0].quoted or [])


async def test_a_plain_word_that_code_uses_is_found_though_nothing_defines_it(shop: Path, opened: Opened) -> None:
    write(shop, {"shop/prose.py": "# Decimal marmalade\n", "notes.md": "The quantize of httpx, and kubernetes.\n"})
    commit(shop)
    async with opened(shop) as asker:
        for question, path in {
            "who uses pytest?": "tests/test_retry.py",
            "who calls quantize?": "shop/prices.py",
            "where is Decimal used?": "shop/prices.py",
            "who imports functools?": "shop/retry.py",
        }.items():
            answer = await asker.answer(question)
            assert {one.path for one in check(answer, shop)} == {path}, question
            assert "is called" not in answer
        mentioned = [await asker.answer(f"who uses {name}?") for name in ("httpx", "marmalade", "kubernetes")]
        described = await asker.answer("who calls the warehouse?")
    assert not any("is called" in answer for answer in (*mentioned, described))
    assert "use `warehouse`" not in described


async def test_what_it_does_is_shown_beside_who_calls_it_where_both_are_asked(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        both = check(await asker.answer("what does retry_call do and what calls it?"), shop)
        alone = check(await asker.answer("where is retry_call used?"), shop)
    assert (both[0].quoted or [""])[0].startswith("def retry_call(")
    assert {one.path for one in both} == RETRY_USES | {"shop/retry.py"}
    assert not any(line.startswith("def retry_call(") for one in alone for line in one.quoted or [])


async def test_of_a_qualified_name_only_the_last_part_is_looked_for(shop: Path, opened: Opened) -> None:
    write(shop, {"shop/desk.py": "from shop.client import Client\n\n\ndef lay_aside():\n    Client(1).reserve(2, 3)\n"})
    commit(shop)
    async with opened(shop) as asker:
        answer = await asker.answer("Who calls Client.reserve?")
        found = check(answer, shop)
    assert " use `reserve`, found by name alone." in answer
    assert [one.path for one in found if one.quoted] == ["shop/desk.py"]
    assert "Defined at `shop/client.py:17`." in answer


async def test_a_described_symbol_is_found_first(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        answer = await asker.answer("where is the function that puts pieces aside used?")
        nobody = await asker.answer("who calls rebuild_catalogue?")
    assert "`reserve`" in answer
    assert "by name alone, nothing in `local/" in nobody
    assert "Defined at `shop/jobs/nightly.py:6`." in nobody
    assert check(nobody, shop)


async def test_it_may_be_the_caller_found_before(shop: Path, opened: Opened) -> None:
    turns = ["who calls discounted?", "Only `shop/client.py:13-15` in `Client.fetch_stock`.", "and who calls that?"]
    async with opened(shop) as asker:
        assert "`fetch_stock`" in await asker.answer(*turns)


async def test_where_nothing_shown_before_is_used_the_last_of_it_is_named(shop: Path, opened: Opened) -> None:
    shown = "`shop/prices.py:8-10` and `shop/jobs/nightly.py:6-9`"
    async with opened(shop) as asker:
        answer = await asker.answer("what runs at night?", shown, "and who calls it?")
    assert "Defined at `shop/jobs/nightly.py:6`." in answer
    assert "gross_price" not in answer


async def test_a_follow_up_is_ranked_with_what_was_asked_before(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        first = await asker.answer("how does the retry decorator work?")
        run_out = check(await asker.answer("how does the retry decorator work?", first, "what if they run out?"), shop)
        tested = check(await asker.answer("how does the retry decorator work?", first, "where is it tested?"), shop)
        elsewhere = await asker.answer(
            "how does the retry decorator work?", first, "How is gross price with tax computed?"
        )
    assert run_out[0].path == "shop/retry.py"
    assert tested[0].path == "tests/test_retry.py"
    assert check(elsewhere, shop)[0].path == "shop/prices.py"


async def test_citations_of_an_earlier_answer_may_be_wrong(shop: Path, opened: Opened) -> None:
    lies = "`../../etc/passwd:1-9` and `shop/retry.py:900-950` and `gone.py:3` and `shop/retry.py:0-0`"
    async with opened(shop) as asker:
        for answer in (lies, "", "no citations at all", "`" * 5_000, "```\n`shop/retry.py:1-2`"):
            check(await asker.answer("how does retrying work?", answer, "who calls it?"), shop)
            check(await asker.answer("how does retrying work?", answer, "why?"), shop)


async def test_a_function_is_no_caller_of_itself(tmp_path: Path, opened: Opened) -> None:
    top = make(tmp_path / "deep", {"a.py": "def descend(n):\n    # descend further\n    return n and descend(n - 1)\n"})
    async with opened(top) as asker:
        answer = await asker.answer("who calls descend?")
    assert "nothing in `local/" in answer
    assert check(answer, top)[0].quoted is None


async def test_a_common_name_is_told_apart_by_its_module(tmp_path: Path, opened: Opened) -> None:
    top = make(
        tmp_path / "common",
        {
            "app/registry.py": "def get(name):\n    '''The registry entry of a name.'''\n    return _entries[name]\n",
            "app/main.py": "from app import registry\n\n\ndef start():\n    return registry.get('main')\n",
            "app/other.py": "def options(given):\n    return given.get('x') or {}.get('y')\n",
        },
    )
    async with opened(top) as asker:
        first = await asker.answer("where is the registry entry of a name?")
        second = check(await asker.answer("where is the registry entry of a name?", first, "who calls it?"), top)
    assert {one.path for one in second if one.quoted} == {"app/main.py"}
