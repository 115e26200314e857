"""Random answers in Markdown for the tests of pages: as models write them, and as nobody should."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.relay.pages import MINIMUM

READER = MarkdownIt("commonmark", {"html": False}).enable("table")
WORDS = (
    *("the", "cache", "token", "of", "repository", "is", "read", "before", "it", "答案", "naïve", "cafe\u0301"),
    *("👩‍👩‍👧", "👍🏽", "🇩🇪", "❤️", "`code`", "`code", "span`", "```", "```x```", "<b>", "\\*", "3.", "#", ">", "-"),
    *(
        "**two",
        "words**",
        "*so*",
        "snake_case",
        "[not",
        "[a link](https://example.org/a_b)",
        "https://example.org/#c-d",
    ),
)
LANGUAGES = ("python", "bash", "c++", "", "json title=a.json", "diff")


def words(random: Random, most: int = 12) -> str:
    return " ".join(random.choice(WORDS) for _ in range(random.randint(1, most)))


def code(random: Random) -> list[str]:
    line = ("    return value", "", "x = {'a': 1}", "\tif x:", "# no heading", "| no | table |", "- no item", "日本")
    return [random.choice(line) + " " * random.randint(0, 1) for _ in range(random.randint(1, 30))] + ["last()"]


def heading(random: Random) -> str:
    return "#" * random.randint(1, 4) + " The " + words(random, 5)


def paragraph(random: Random) -> str:
    lines = range(random.choice((1, 1, 1, 4)))
    return "\n".join("So " + ". And ".join(words(random) for _ in range(random.randint(1, 8))) + "." for _ in lines)


def bullets(random: Random) -> str:
    marker = random.choice(("-", "*", "1."))
    return "\n".join(f"{marker} do {words(random)}" for _ in range(random.randint(1, 12)))


def nested(random: Random) -> str:
    depth = random.choice((2, 4))
    return "\n".join(f"{' ' * depth * random.randint(0, min(number, 2))}- do {words(random)}" for number in range(12))


def table(random: Random) -> str:
    rows = (f"| {number} | {words(random, 4).replace('|', '')} |" for number in range(random.randint(1, 25)))
    return "\n".join(("| number | words |", "| --- | :-: |", *rows))


def fence(random: Random, marker: str = "") -> str:
    marker = marker or random.choice(("```", "```", "```", "~~~", "`````"))
    inner = ["```sh", "ls", "```"] if marker == "`````" else []
    return "\n".join((marker + random.choice(LANGUAGES), *inner, *code(random), marker))


def section(random: Random) -> str:
    return f"{heading(random)}\n\n{random.choice((paragraph, bullets, table, fence))(random)}"


def _indented(text: str, prefix: str) -> str:
    return "\n".join(prefix + line for line in text.split("\n"))


def fence_in_item(random: Random) -> str:
    marker = random.choice(("-", "1.", "12."))
    inner = _indented(f"{words(random)}\n\n{fence(random, '```')}", " " * (len(marker) + 1))
    outer = f"{marker} do {inner.lstrip()}\n{marker} do {words(random)}"
    return f"* do so:\n\n{_indented(outer, '  ')}" if random.random() < 0.3 else outer


def fence_in_quote(random: Random) -> str:
    return _indented(f"So {words(random)}\n\n{fence(random, '```')}", "> ")


def quote(random: Random) -> str:
    return _indented(paragraph(random), "> ")


def unbroken(random: Random) -> str:
    return random.choice(("x", "漢", "e\u0301", "👩‍👧", "🇩🇪", "ab`")) * random.randint(1, 800)


def garbage(random: Random) -> str:
    pieces = ("```", "~~~", "`", "\n", "\n\n", "\r\n", "\r", "> ", "- ", "1. ", "    ", "\t", "word ", "**", "[", "](")
    more = ("# ", "---", "===", "`" * 9, "```" + "i" * 70, " " * 60, "\n" * 30, "\u0301")
    return "".join(random.choice(pieces + more) for _ in range(random.randint(1, 60)))


def pipes(random: Random) -> str:
    # Not among the garbage: readers disagree whether a fence with a pipe may head a table.
    pieces = ("|", "|-|", "| a |\n", "| a | b |\n|-|-|\n", "\n", "\n\n", ":-", "word ", "- ", "> ", "\\|", "`|`")
    return "".join(random.choice(pieces) for _ in range(random.randint(1, 40)))


Part = Callable[[Random], str]
NEAT: tuple[Part, ...] = (
    section, paragraph, paragraph, bullets, nested, table, fence, fence, fence_in_item, fence_in_quote, quote
)  # fmt: skip
WILD: tuple[Part, ...] = (*NEAT, heading, unbroken, garbage, garbage, pipes)


def answer(parts: list[tuple[Part, int]], end: str = "\n", between: str = "\n\n") -> str:
    """The parts, each with its seed, as one text."""
    return (between.join(part(Random(seed)) for part, seed in parts) + "\n").replace("\n", end)


seeds = st.integers(0, 2**32)


def texts(parts: tuple[Part, ...], most: int = 12) -> st.SearchStrategy[str]:
    chosen = st.lists(st.tuples(st.sampled_from(parts), seeds), min_size=1, max_size=most)
    between = st.sampled_from(("\n\n", "\n\n", "\n") if parts is WILD else ("\n\n",))
    return st.builds(answer, chosen, st.sampled_from(("\n", "\n", "\r\n")), between)


neat, wild = texts(NEAT), texts(WILD)
limits = st.sampled_from((MINIMUM, 500, 501, 2_000))
