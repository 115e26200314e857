"""Answers over real sockets from real repositories: every citation exists, and what is quoted stands there."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from tests.localchat import repository
from tests.localchat.asking import check
from tests.localchat.conftest import Opened
from tests.localchat.repository import commit, git, make, write

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one server for all

STRANGE: dict[str, str | bytes] = {
    "windows/ledger.py": "class Ledger:\r\n    def post_entry(self, amount):\r\n        return amount\r\n",
    "old mac/abacus.txt": b"abacus beads\rslide along\rtheir wires",
    "latin/straße.py": "def umlaut_sorter():\n    return 'äöü'\n",
    'quotes/it\'s "quoted".py': "def quoted_path_finder():\n    return 1\n",
    "ticks/a`b``c.py": "def backtick_wrangler():\n    return 2\n",
    "colon/a:12.py": "def colon_counter():\n    return 3\n",
    "fences.md": "# Fence guide\n\n````markdown\n```python\nfence_inside = 1\n```\n````\n\nend of fences\n",
    "no_end.py": "def endless_newline():\n    return 4",
    "empty.py": "",
    "blank.py": "\n\n\n",
    "long.js": "const unrelated = 1;\n" * 40 + "var telescope = '" + "x" * 9_000 + "';\n" + "// end\n" * 400,
    "feed.c": "int form_feed_page(void) {\n\f\n  return 5;\x0b\n}\n",
    "separators.txt": "line separator\u2028paragraph\u2029here next\x85line\n",
    "wide.go": "\tpackage wide\n\nfunc TabbedFunction() {\n\tprintln(1)\n}\n",
    "bom.py": b"\n" * 3 + b"def marked_order():\n    return 6\n",
}
STRANGE_QUESTIONS = [
    "how does the ledger post an entry?",
    "abacus beads",
    "where is the umlaut sorter?",
    "quoted path finder",
    "backtick wrangler",
    "colon counter",
    "what does the fence guide say about fence_inside?",
    "endless newline",
    "where is telescope?",
    "form_feed_page",
    "line separator paragraph",
    "what is TabbedFunction?",
    "marked order",
]


async def test_every_citation_of_strange_files_exists_and_quotes_them_exactly(tmp_path: Path, opened: Opened) -> None:
    top = make(tmp_path / "strange", STRANGE)
    expected = ["windows", "old mac", "latin", "quotes", "ticks", "colon", "fences", "no_end", "long", "feed"]
    expected += ["separators", "wide", "bom"]
    async with opened(top) as asker:
        for question, path in zip(STRANGE_QUESTIONS, expected, strict=True):
            found = check(await asker.answer(question), top)
            assert found, question
            assert found[0].path.startswith(path), (question, found)


async def test_every_citation_of_this_project_exists_and_quotes_it_exactly(tmp_path: Path, opened: Opened) -> None:
    top = repository.askrepo(tmp_path / "askrepo")
    questions = [
        "How are secrets kept out of log lines?",
        "who calls redact?",
        "where is `Secret` used?",
        "what happens when the port is in use?",
        "how is the settings' chat_url checked?",
        "which errors does the chat client raise?",
        "how are chunks cut at definitions?",
        "what is this project?",
        "zebra quantum marmalade",
        "how does it work",
    ]
    words = sorted(set(re.findall(r"[a-z]{4,}", " ".join(p.read_text() for p in (top / "core").rglob("*.py")))))
    picker = random.Random(20_260)
    questions += [" ".join(picker.sample(words, 4)) for _ in range(15)]
    turns: list[str] = []
    async with opened(top) as asker:
        for question in questions:
            turns = [*turns[-6:], question]
            answer = await asker.answer(*turns)
            assert check(answer, top), question
            turns.append(answer)


PLAIN_QUESTIONS = [
    ("How is the price with tax computed?", "shop/prices.py", "def gross_price"),
    ("how does the retry decorator work?", "shop/retry.py", "def retry"),
    ("what is the total price of a basket?", "web/basket.ts", "totalPrice"),
    ("where are pieces put aside for ten minutes", "shop/client.py", "def reserve"),
    ("is there a test that retrying gives up?", "tests/test_retry.py", "GaveUp"),
    ("how do I configure the warehouse address? see the docs", "README.md", "[warehouse]"),
    ("rebuildCatalogue", "shop/jobs/nightly.py", "def rebuild_catalogue"),
]


async def test_the_first_passage_answers_a_plain_question(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        for question, path, words in PLAIN_QUESTIONS:
            answer = await asker.answer(question)
            found = check(answer, shop)
            assert found[0].path == path
            assert words in "\n".join(found[0].quoted or [])
            assert answer.startswith(f"No model is configured; these are the closest passages in `{asker.name}` at `")


async def test_of_several_questions_each_is_answered(shop: Path, opened: Opened) -> None:
    """They came while an answer ran: the last one is not all that was asked."""
    asked = [{"role": "user", "content": f"where is {name}?"} for name in ("gross_price", "rebuild_catalogue")]
    async with opened(shop) as asker:
        body = {"messages": asked, "model": "gpt-4o", "stream": False}
        response = await asker.client.post(
            f"{asker.url}/chat", params={"repo_name": asker.name}, json=body, headers=asker.headers, timeout=30
        )
        answer = response.json()["choices"][0]["message"]["content"]
        _, first, second = re.split(r"\*\*Question [12]\*\*\n\n", answer)
    assert [check(each, shop)[0].path for each in (first, second)] == ["shop/prices.py", "shop/jobs/nightly.py"]


async def test_a_name_written_as_code_leads_to_its_definition(tmp_path: Path, opened: Opened) -> None:
    uses = "".join(f"def use_{number}(bucket: TokenBucket):\n    return TokenBucket(bucket)\n" for number in range(3))
    defined = 'class TokenBucket:\n    """Allows bursts."""\n\n' + "    more = 1\n" * 30
    top = make(tmp_path / "named", {"limits.py": defined, "token_bucket_users.py": uses, "other.py": "x = 1\n" * 30})
    async with opened(top) as asker:
        assert check(await asker.answer("what does TokenBucket do?"), top)[0].path == "limits.py"


async def test_the_answer_names_what_is_defined_and_the_commit(shop: Path, opened: Opened) -> None:
    head = git(shop, "rev-parse", "HEAD").decode()[:7]
    async with opened(shop) as asker:
        answer = await asker.answer("gross_price")
        broad = await asker.answer("retry attempts price articles tests shop warehouse items")
    assert f"at `{head}`." in answer
    assert re.search(r"`shop/prices\.py:\d+-\d+` defines `gross_price`", answer)
    assert "```python\n" in answer
    assert "Related files: `" in broad
    assert len(check(broad, shop)) == 5


async def test_what_a_limit_left_out_is_not_said_to_be_nowhere(tmp_path: Path, opened: Opened) -> None:
    top = make(
        tmp_path / "limited",
        {"small.py": "def turn():\n    return 1  # turned\n", "large.py": "kubernetes = 1\n" * 80_000},
    )
    async with opened(top) as asker:
        answer = await asker.answer("kubernetes ingress")
        used = [await asker.answer(f"who uses {name}?") for name in ("`kubernetes`", "kubernetes", "`turn`", "turns")]
    assert "None of its words occurs in what was read." in answer
    for said, told in zip(("is called `kubernetes`",) * 2 + ("uses `turn`", "is called `turns`"), used, strict=True):
        assert re.match(rf"No model.* nothing in what was read of `\S+` at `\S+` {said}", told)
    for told in (answer, *used):
        assert "1 (over 1 MB)" in told


async def test_a_qualified_name_leads_to_its_definition_alone(tmp_path: Path, opened: Opened) -> None:
    kinds = ("Session", "Adapter", "Mock", "Proxy", "Pool", "Cache", "Wire")
    files = {
        f"{kind.lower()}.py": f"class {kind}:\n"
        + "".join(f"    def step_{number}(self):\n        return self\n\n" for number in range(30))
        + "".join(f"    def {name}(self, request):\n        return request\n\n" for name in ("send", "find"))
        for kind in kinds
    }
    files["talk.py"] = (
        "def talk(session):\n    # session send, session find: Session send find\n    session.send(1)\n" * 5
    )
    top = make(tmp_path / "qualified", files)
    async with opened(top) as asker:
        for question in ("how does Session.send work?", "what does `session.Session.find` do", "Session#find"):
            first = check(await asker.answer(question), top)[0]
            assert first.path == "session.py"
            assert first.quoted is not None
            assert any(line.startswith(f"    def {re.findall('send|find', question)[0]}(") for line in first.quoted)


async def test_what_stands_in_two_files_is_shown_once(tmp_path: Path, opened: Opened) -> None:
    described = "Widgets turn the crank of the gear.\n" * 3
    top = make(
        tmp_path / "copied",
        {
            "PKG-INFO": described,
            "egg/PKG-INFO": described,
            "gear.py": "def turn_crank(gear):\n    return gear\n",
        },
    )
    async with opened(top) as asker:
        found = check(await asker.answer("how do widgets turn the crank of a gear?"), top)
    paths = [one.path for one in found]
    assert sorted(path.removeprefix("egg/") for path in paths) == ["PKG-INFO", "gear.py"]


async def test_a_drawing_is_no_text(tmp_path: Path, opened: Opened) -> None:
    drawing = '<svg><text>the flux capacitor</text><path d="M0 0L1 1"/></svg>\n'
    top = make(
        tmp_path / "drawn", {"docs/flux.SVG": drawing, "flux.py": "def charge():\n    return 'flux capacitor'\n"}
    )
    async with opened(top) as asker:
        answer = await asker.answer("where is the flux capacitor?")
    assert [one.path for one in check(answer, top)] == ["flux.py"]
    assert "`docs/flux.SVG` (drawing)" in answer


async def test_nothing_found_is_said_and_hints_are_given(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        nothing = await asker.answer("kubernetes ingress annotations")
        partly = await asker.answer("how does the price oracle settle futures contracts on chain")
        misspelt = await asker.answer("retrycal")
    assert "matches this question. None of its words occurs there." in nothing
    assert "1 (lock file)" in nothing
    assert "matches this question" in partly
    assert "Of its words only `price`" in partly
    assert not any(one.quoted for one in check(partly, shop))
    assert "Names that look similar: `retry_call`" in misspelt


async def test_a_file_that_was_not_read_is_named_if_the_question_is_about_it(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        answer = await asker.answer("which version does package-lock.json lock for the basket price?")
    assert "Not read, though the question may be about it: `package-lock.json` (lock file)." in answer


async def test_a_repository_of_binaries_or_of_nothing_says_so(tmp_path: Path, opened: Opened) -> None:
    async with opened(make(tmp_path / "binary", {"a.png": b"\x89PNG\0\0", "b.bin": b"\0" * 9})) as asker:
        assert "There is no text to search" in (answer := await asker.answer("what is this?"))
        assert "Files not read: 2 (binary)." in answer
    async with opened(make(tmp_path / "empty", {})) as asker:
        assert "It has no files." in await asker.answer("what is this?")


async def test_a_question_about_the_whole_is_answered_by_the_readme(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        answer = await asker.answer("What does this project do?")
    assert [one.path for one in check(answer, shop)] == ["README.md"]
    assert "`shop/`" in answer


async def test_answers_follow_the_working_tree(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        write(shop, {"untracked.py": "def gross_price_untracked(): ...\n"})
        assert "uncommitted" not in await asker.answer("gross_price")
        prices = (shop / "shop/prices.py").read_text()
        write(shop, {"shop/prices.py": "# moved down\n\n" + prices.replace("def discounted", "def rebated")})
        (shop / "web/basket.ts").unlink()
        changed = await asker.answer("gross_price rebated totalPrice untracked")
        assert {one.path for one in check(changed, shop)}.isdisjoint({"untracked.py", "web/basket.ts"})
        assert "def rebated" in changed
        assert "with uncommitted changes" in changed
        commit(shop)
        assert "uncommitted" not in (committed := await asker.answer("gross_price_untracked rebated"))
        assert check(committed, shop)[0].path == "untracked.py"


async def test_line_ends_converted_by_git_are_no_changes(tmp_path: Path, opened: Opened) -> None:
    top = make(tmp_path / "converted", {"a.py": "def converted_line():\n    return 1\n"})
    git(top, "config", "core.autocrlf", "true")
    (top / "a.py").unlink()
    git(top, "checkout", "--", "a.py")
    assert b"\r\n" in (top / "a.py").read_bytes()
    async with opened(top) as asker:
        answer = await asker.answer("converted_line")
    assert check(answer, top)
    assert "uncommitted" not in answer


async def test_a_file_that_is_no_utf8_is_quoted_as_windows_would_show_it(tmp_path: Path, opened: Opened) -> None:
    top = make(tmp_path / "latin", {"a.py": "def grüße():\n    return 'schön'  # salutation\n".encode("cp1252")})
    async with opened(top) as asker:
        assert check(await asker.answer("salutation"), top, encoding="cp1252")[0].quoted


async def test_nothing_outside_the_tree_is_read(tmp_path: Path, opened: Opened) -> None:
    outside = tmp_path / "outside"
    write(outside, {"secret.py": "OUTSIDE_MARKER = 'marker marker marker'\n"})
    top = make(tmp_path / "inside", {"folder/secret.py": "inside = 1\n", "plain.py": "marker = 1\n"})
    (top / "link.py").symlink_to(outside / "secret.py")
    commit(top)
    (top / "folder/secret.py").unlink()
    (top / "folder").rmdir()
    (top / "folder").symlink_to(outside, target_is_directory=True)
    async with opened(top) as asker:
        answer = await asker.answer("OUTSIDE_MARKER marker")
    assert "'marker" not in answer
    assert {one.path for one in check(answer, top)} == {"plain.py"}


async def test_nothing_a_repository_configures_is_run(tmp_path: Path, opened: Opened) -> None:
    canary = tmp_path / "canary"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    script.chmod(0o755)
    top = make(tmp_path / "trap", {"a.py": "def trapped(): ...\n", ".gitattributes": "*.py filter=trap diff=trap\n"})
    for key in ("core.fsmonitor", "filter.trap.clean", "filter.trap.smudge", "filter.trap.process", "diff.external"):
        git(top, "config", key, str(script))
    git(top, "config", "core.hooksPath", str(tmp_path))
    write(top, {"a.py": "def trapped_again(): ...\n"})
    async with opened(top) as asker:
        assert "trapped_again" in await asker.answer("trapped")
    assert not canary.exists()
