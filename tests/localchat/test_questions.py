"""What sort of question it is, and what is shown for it: a definition, a file, prose, the whole, or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.localchat.asking import check
from tests.localchat.conftest import Opened
from tests.localchat.repository import commit, make, write

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one server for all

NAMES = ("take", "place", "checkout", "Ending", "here", "_sent")
NAMING = ("Where is `{}` defined?", "where is {} defined", "What does {} do?", "show me the class `{}`")
NO_NAMING = ("what happens at the checkout?", "is checkout slow?")


async def test_the_definition_asked_for_stands_first_and_little_is_quoted_beside_it(
    tmp_path: Path, opened: Opened
) -> None:
    """Even where its name is a word that says nothing, in a repository that has that word everywhere."""
    talk = "def {0}_{0}():\n    # {0}: where {0} is defined, what {0} does\n    return {0}\n\n\n"
    files = {f"talk_{number}.py": talk.format(name) * 4 for number, name in enumerate(NAMES)}
    files["core.py"] = "".join(f"@wrapped\nclass {name}:\n" + "    more = 1\n" * 30 + "\n\n" for name in NAMES)
    files["tests/test_core.py"] = "def take():\n    return 1\n"
    top = make(tmp_path / "named", files)
    async with opened(top) as asker:
        for name in NAMES:
            for form in NAMING:
                answer = await asker.answer(form.format(name))
                first, *others = check(answer, top)
                assert first.path == "core.py", (name, form)
                assert (first.quoted or [])[:2] == ["@wrapped", f"class {name}:"]
                assert f"… to line {first.first + 31}" in answer
                assert sum(one.quoted is not None for one in others) <= 1
        both = check(await asker.answer("where's the class take?"), top)
        assert [one.path for one in both][:2] == ["core.py", "tests/test_core.py"]
        for question in NO_NAMING:
            assert sum(one.quoted is not None for one in check(await asker.answer(question), top)) > 1


async def test_no_passage_ends_in_a_bare_head(tmp_path: Path, opened: Opened) -> None:
    body = "".join(f"        turn_{number} = 1\n" for number in range(20))
    files = {
        f"wheel_{name}.py": f"class Wheel{name}:\n"
        + f"    wheel = {name}\n" * size
        + f"\n    @spun\n    def spin(\n        self,\n    ):\n{body}"
        for size, name in enumerate("ABCDEFGHIJKLMNOP", 1)
    }
    files["wheels.md"] = "".join(f"# Part {number}\n\n" + "The wheel turns.\n" * 6 + "\n" for number in range(9))
    top = make(tmp_path / "wheels", files)
    async with opened(top) as asker:
        answers = [await asker.answer(f"where is Wheel{name} defined?") for name in "ABCDEFGHIJKLMNOP"]
        answers.append(await asker.answer("the docs on how the wheel turns"))
    found = [one.quoted for answer in answers for one in check(answer, top) if one.quoted]
    for quoted in found:
        head = max(number for number, line in enumerate(quoted) if line.startswith(("    @spun", "class", "#")))
        assert head == 0 or len(quoted) - head >= (7 if quoted[head].startswith("    @spun") else 4), quoted
    assert len(found) > len(answers)


async def test_words_that_stand_in_part_are_named_by_that_part(tmp_path: Path, opened: Opened) -> None:
    top = make(tmp_path / "parts", {"a.py": "fn = 1\n", "b.py": "whole_name = 2\n"})
    async with opened(top) as asker:
        partly = await asker.answer("minified_fn zebras quantum marmalade fusion")
        both = await asker.answer("minified_fn whole_name zebras quantum marmalade fusion kubernetes ingress")
    assert "Of its words only `fn` occurs there." in partly
    assert "Of its words only `fn`, `whole_name` occur there." in both


async def test_what_a_person_has_to_do_is_looked_for_in_prose(tmp_path: Path, opened: Opened) -> None:
    code = "def {0}(tests, address):\n    # how to {0} tests\n    return {0}_tests()\n"
    files = {
        f"{folder}/{verb}_{number}.py": code.format(verb) * 9
        for folder in ("tests", "core")
        for number in range(20)
        for verb in ("run", "install", "configure")
    }
    files["tests/run.json"] = '{"how": "to run tests, to install, to configure the address"}\n'
    files["README.md"] = (
        "# Mill\n\n" + "It grinds corn, and says so.\n" * 40 + "\n## Installation\n\nInstall it by `make`.\n\n"
        "## The tests\n\nRun them by `make check`.\n"
        + "They take long.\n" * 40
        + "\nConfigure the address in `.env`.\n"
    )
    top = make(tmp_path / "mill", files)
    expected = {
        "How do I run the tests?": "make check",
        "how to install this": "by `make`",
        "How can I configure the address?": ".env",
    }
    async with opened(top) as asker:
        for question, words in expected.items():
            first = check(await asker.answer(question), top)[0]
            assert first.path == "README.md", question
            assert words in "\n".join(first.quoted or [])
        assert check(await asker.answer("how does install work?"), top)[0].path != "README.md"


async def test_a_file_or_folder_that_is_named_is_what_is_asked_about(shop: Path, opened: Opened) -> None:
    many = {f"shop/reports/part_{number}.py": f"def part_{number}():\n    return reserve\n" for number in range(60)}
    write(shop, {"shop/warehouse.py": "reserve = retry = shop.client\n" * 9, **many})
    commit(shop)
    expected = {
        "what is in shop/client.py?": ("shop/client.py", 1),
        "Show me `client.py`": ("shop/client.py", 1),
        "Show me shop/client.py line 19": ("shop/client.py", 16),
        "explain ./shop/client.py:12-15": ("shop/client.py", 12),
        "how does shop/client.py reserve?": ("shop/client.py", 16),
        "what does retry do in shop/retry.py?": ("shop/retry.py", 21),
        "what does shop/client.py say of zebras?": ("shop/client.py", 1),
    }
    async with opened(shop) as asker:
        for question, (path, line) in expected.items():
            answer = await asker.answer(question)
            found = check(answer, shop)
            assert {one.path for one in found} == {path}, question
            assert found[0].first == line, question
        assert "Further on: `Client.reserve` (17)." in await asker.answer("what is in shop/client.py?")
        beyond = check(await asker.answer("shop/client.py:900"), shop)
        log = await asker.answer("shop/client.py:11: TypeError\nin web/basket.ts\nwhy does the percent discount fail?")
        library = await asker.answer("why does a client.py user not see the percent discount?")
        used = await asker.answer("who calls retry_call in shop/retry.py?")
        listed = await asker.answer("List all files in shop/reports")
        plain = await asker.answer("which files are in shop?")
        importers = check(await asker.answer("who imports shop/retry.py?"), shop)
        tests = check(await asker.answer("is there a test of shop/retry.py?"), shop)
    assert beyond[0].last == 19
    for answer in (log, library):
        assert "shop/prices.py" in {one.path for one in check(answer, shop)}
    assert " use `retry_call`, " in used
    assert listed.count("- `shop/reports/part_") == 50
    assert "- and 10 more" in listed
    assert "- `shop/client.py`" in plain
    assert importers[0].path == "shop/client.py"
    assert tests[0].path == "tests/test_retry.py"


async def test_who_imports_a_file_is_found_by_its_whole_name(tmp_path: Path, opened: Opened) -> None:
    files = {
        "src/foo-bar.ts": "export const a = 1;\n",
        "src/main.ts": 'import { a } from "./foo-bar";\n',
        "src/parts.ts": "export function foo() {}\nexport function bar() {}\nfoo();\nbar();\n",
        "app/leases.py": "TERM = 15\n",
        "app/main.py": "from app.leases import TERM\n",
    }
    top = make(tmp_path / "dashed", files)
    async with opened(top) as asker:
        for question, path in {"src/foo-bar.ts": "src/main.ts", "app/leases.py": "app/main.py"}.items():
            answer = await asker.answer(f"Who imports {question}?")
            assert [one.path for one in check(answer, top)] == [path]


async def test_what_of_a_folder_was_not_read_is_named(shop: Path, opened: Opened) -> None:
    write(shop, {"shop/logo.png": b"\x89PNG\0\0", "shopping.png": b"\0", **{f"web/{n}.lock": "" for n in range(20)}})
    commit(shop)
    async with opened(shop) as asker:
        one, many = [await asker.answer(f"list the files in {folder}/") for folder in ("shop", "web")]
        none = await asker.answer("list the files in shop/jobs/")
    assert one.endswith("\n- `shop/retry.py`\n\nNot read: `shop/logo.png` (binary).\n")
    assert many.endswith(" and 8 more.\n")
    assert "Not read" not in none


async def test_of_a_file_that_is_named_it_is_said_where_it_ends(tmp_path: Path, opened: Opened) -> None:
    top = make(
        tmp_path / "short", {"pkg/__init__.py": "", "pkg/one.py": "one = 1\n", "pkg/two.py": "one = 1\ntwo = 2\n"}
    )
    async with opened(top) as asker:
        empty = await asker.answer("what is in pkg/__init__.py?")
        both = await asker.answer("show me pkg/__init__.py and pkg/two.py")
        one, two, inside = [await asker.answer(f"show pkg/{at}") for at in ("one.py:7", "two.py:3", "two.py:2")]
    assert empty.endswith(".\n\n`pkg/__init__.py` is empty.\n")
    assert "`pkg/__init__.py` is empty.\n\n`pkg/two.py:1-2`" in both
    assert "`pkg/one.py` has 1 line.\n\n`pkg/one.py:1`" in one
    assert "`pkg/two.py` has 2 lines.\n\n`pkg/two.py:1-2`" in two
    assert " has " not in inside


async def test_a_question_about_the_whole_may_say_in_which_regard(shop: Path, opened: Opened) -> None:
    questions = ("summarize the repo", "give me an overview of this repository", "how is the code organised?")
    async with opened(shop) as asker:
        for question in questions:
            assert check(await asker.answer(question), shop)[0].path == "README.md", question
        written = await asker.answer("where is reserve?", "`shop/client.py:17`", "what languages is this written in?")
    assert "Most of its files: 5 python, 1 markdown, 1 typescript." in written


async def test_who_changed_what_is_not_guessed(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        for question in (
            "What changed lately?",
            "what changed in shop/client.py",
            "who wrote retry_call?",
            "when was the basket added?",
            "It fails. And who changed the retry decorator?",
        ):
            answer = await asker.answer(question)
            assert "`git blame`" in answer
            assert not check(answer, shop)
        for question in (
            "what is changed by a discount?",
            "Where do we store who created an article?",
            "How does the warehouse record who changed a price?",
            "does the client say when the stock was changed?",
        ):
            assert check(await asker.answer(question), shop), question
