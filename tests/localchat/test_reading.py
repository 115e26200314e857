"""The pure parts of reading: names, terms, stems, lines, definitions, chunks, limits, fences, citations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RepositoryNameError
from core.localchat import (
    blobs,
    chunks,
    citations,
    definitions,
    excerpts,
    extractive,
    languages,
    listing,
    names,
    pointed,
    stems,
    terms,
    usages,
)
from core.localchat.citations import Citation
from core.localchat.definitions import Definition
from core.localchat.index import Defined
from core.localchat.languages import Kind
from core.localchat.listing import Entry
from core.localchat.pointed import Spot
from tests.linear import is_linear

LINES = st.lists(
    st.sampled_from(["", "x = 1", "def f():", "    def g():", "class C:", "# note", "@d", "        y"]), max_size=250
)


@settings(deadline=None)
@given(st.text())
def test_a_checked_name_is_safe_in_paths_and_urls(text: str) -> None:
    for name in (text, f"example.org/{text}", f"example.org/o/{text}"):
        try:
            checked = names.check(name)
        except RepositoryNameError:
            continue
        assert ".." not in checked.split("/")
        assert not set(checked) & set(" \\:@?#%~\n\0+")
        assert not checked.startswith(("-", "/"))
        assert "/-" not in checked
        assert "//" not in checked


@settings(deadline=None)
@given(st.text())
def test_any_folder_gets_a_name(text: str) -> None:
    folder = Path("/") / text.replace("\0", "") / "x"
    assert names.check(names.of_folder(folder)) == names.of_folder(folder)
    assert names.check(names.of_folder(folder / text.replace("\0", "")))


@settings(deadline=None)
@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=5, max_size=14))
def test_stems_are_sqlites(word: str) -> None:
    assert stems.stem(word) == _sqlites([word])[0]


def test_stems_of_a_projects_words_are_sqlites() -> None:
    text = " ".join(path.read_text() for path in Path(stems.__file__).parent.glob("*.py"))
    words = sorted(
        {word.lower() for word in terms.identifiers(text) if word.isascii() and word.isalpha() and len(word) > 4}
    )
    assert len(words) > 500
    assert [stems.stem(word) for word in words] == _sqlites(words)


def _sqlites(words: list[str]) -> list[str]:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE t USING fts5 (a, tokenize = 'porter ascii')")
    database.execute("CREATE VIRTUAL TABLE v USING fts5vocab (t, instance)")
    database.executemany("INSERT INTO t (rowid, a) VALUES (?, ?)", enumerate(words))
    found = [term for (term,) in database.execute("SELECT term FROM v ORDER BY doc")]
    database.close()
    return found


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("getUserName", {"get", "user", "name", "getusername"}),
        ("get_user_name", {"get", "user", "name", "getusername"}),
        ("HTTPServer2", {"http", "server", "httpserver2"}),
        ("retries", {"retri"}),
        ("utf8", {"utf", "utf8"}),
        ("größe_wert", {"grösse", "wert", "grössewert"}),
        ("__init__", {"init"}),
        ("_", set()),
        ("x" * 65, set()),
        ("123456789", set()),
    ],
)
def test_identifiers_are_split(identifier: str, expected: set[str]) -> None:
    assert set(terms.of_identifier(identifier)) == expected


@settings(deadline=None)
@given(st.text())
def test_terms_hold_nothing_the_index_would_split_or_read_as_a_query(text: str) -> None:
    for term in terms.of_text(text):
        assert term
        assert not any(character.isspace() or character in "\"'*()-+:^" for character in term)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_octets_are_lines_or_a_reason(content: bytes) -> None:
    lines = blobs.decode(content)
    if isinstance(lines, list):
        assert not any("\n" in line or "\r" in line or "\0" in line for line in lines)


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=200))
def test_lines_are_those_python_reads(text: str) -> None:
    lines = blobs.decode(text.encode())
    universal = text.replace("\r\n", "\n").replace("\r", "\n")
    assert "\n".join([*lines, ""]) == (universal if not universal or universal.endswith("\n") else universal + "\n")


@settings(deadline=None)
@given(LINES, st.sampled_from(["python", "markdown", "rst", "go", "typescript", "c", "java", ""]))
def test_chunks_cover_every_line_that_is_not_blank_once(lines: list[str], language: str) -> None:
    found = definitions.find(lines, language)
    pieces = chunks.cut(lines, found)
    covered = [number for piece in pieces for number in range(piece.first, piece.last + 1)]
    assert covered == sorted(set(covered))
    assert {number for number, line in enumerate(lines, 1) if line.strip()} <= set(covered)
    assert all(1 <= piece.first <= piece.last <= len(lines) for piece in pieces)
    assert all(piece.last - piece.first < chunks.LONGEST for piece in pieces)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.sampled_from(["", "x = 1", "def f():", "    def g():", "class C:", "        y", ")", "  ]"]), min_size=3
    ),
    st.sampled_from(["python", "java"]),
)
def test_a_line_is_within_the_last_definition_that_has_not_ended(lines: list[str], language: str) -> None:
    found = definitions.find(lines, language)
    for number, within in enumerate(excerpts.enclosing(lines, found), 1):
        depth = definitions.indent(lines[number - 1])
        unended = [one for one in found if one.line <= number <= excerpts.end(lines, one)]
        around = [one for one in unended if one.line == number or one.indent < depth]
        if lines[number - 1]:
            assert within == (around[-1] if around else None)


def test_a_decorator_belongs_to_what_it_stands_above() -> None:
    lines = ["class C:", "    @one", "    @two", "    def f(self):", "        @three", "        x"]
    c, f = definitions.find(lines, "python")
    assert usages.around(lines, [c, f]) == [c, f, f, f, f, f]
    assert usages.around(lines[:3], [c]) == [c, c, c]


class Read(list[str]):
    """Lines that count how often one of them is read."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        for line in super().__iter__():
            self.times += 1
            yield line

    def __getitem__(self, place: object) -> str:  # type: ignore[override]
        self.times += 1
        return super().__getitem__(place)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize(
    "lines",
    [
        ["def f():", "    pass"] * 200 + ["CASES = ["] + ["    Case(1),"] * 200 + ["]"],
        [f"{' ' * depth}def f():" for depth in range(200)] + [""] * 200 + [f"{' ' * 200}Case(1)"] * 200,
        [f"{' ' * depth}def f():" for depth in range(200)] + [")"] * 200,
        ["@Case"] * 500,
    ],
)
def test_the_definitions_around_all_lines_are_found_in_one_pass(lines: list[str]) -> None:
    """A file of 1 MB that uses a name on every line would else be looked through for minutes, and nothing ends that."""
    read = Read(lines)
    usages.around(read, definitions.find(lines, "python"))
    assert read.times <= 2 * len(lines)


@settings(deadline=None)
@given(LINES, st.sampled_from(["python", "c"]))
def test_all_definitions_begin_where_each_alone_does(lines: list[str], language: str) -> None:
    found = definitions.find(lines, language)
    assert chunks.starts(lines, found) == {chunks.start(lines, one.line) for one in found}


def test_a_header_without_end_is_cut_in_few_passes() -> None:
    """Of a generated one, each line is a definition and may belong to the one below."""
    lines = [f"#define REGISTER_{number} {number}" for number in range(400)]
    read = Read(lines)
    chunks.cut(read, definitions.find(lines, "c"))
    assert read.times <= 5 * len(lines)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("files in app that map an application", "files in  that map an application"),
        ("what of app/a.py, or of `app`?", "what of app/a.py, or of ``?"),
        ("my.app, re-app, app-wide, app.py: (app).", "my.app, re-app, app-wide, app.py: ()."),
    ],
)
def test_a_named_path_is_taken_out_of_no_other_word(text: str, rest: str) -> None:
    assert pointed.without(text, [Spot("app", "app", ("app/a.py",))]) == rest


@pytest.mark.parametrize("unit", ["a", "a.", "a ", ".", " ", "a::"])
def test_the_work_on_a_long_line_is_linear(unit: str) -> None:
    subject = Defined("case.py", Definition("Case", 1, 0))

    def judged(text: str) -> object:
        return usages.judge(f"{text} b.Case(1)", subject, same_file=False, imported=False, knows_scope=False)

    assert is_linear(judged, unit, 20_000)


@pytest.mark.parametrize(
    ("language", "line", "name"),
    [
        ("python", "    async def fetch_all(self):", "fetch_all"),
        ("python", "class Queue(Generic[T]):", "Queue"),
        ("python", "LIMIT: int = 3", "LIMIT"),
        ("python", "    class of things", None),
        ("typescript", "export default async function load<T>(x: T) {", "load"),
        ("typescript", "export const parse = async (text: string): Promise<Node> => {", "parse"),
        ("javascript", "  static async build(options) {", "build"),
        ("javascript", "  if (ready) {", None),
        ("go", "func (s *Server) Listen(ctx context.Context) error {", "Listen"),
        ("go", "type Handler interface {", "Handler"),
        ("rust", "    pub(crate) async fn poll_next(&mut self) {", "poll_next"),
        ("rust", "impl<T: Clone> Iterator for Walker<T> {", "Walker"),
        ("java", "    public static <T> void main(String[] args) throws Exception {", None),
        ("java", "    protected List<String> names(int count) {", "names"),
        ("java", "public final class Registry extends Base {", "Registry"),
        ("java", "        return compute(a, b);", None),
        ("kotlin", "    override suspend fun emit(value: T) {", "emit"),
        ("csharp", "    public async Task<int> CountAsync(string name)", "CountAsync"),
        ("swift", "    @discardableResult public func resume() -> Bool {", "resume"),
        ("c", "static int parse_header(const char *line, size_t length)", "parse_header"),
        ("c", "#define MAX_LINE 80", "MAX_LINE"),
        ("c", "    return parse(line);", None),
        ("cpp", "template_free Value Object::get(const Key& key) const {", "get"),
        ("ruby", "  def self.call!(env)", "call"),
        ("php", "    public static function create(array $row): self", "create"),
        ("elixir", "  defp render_row(row) do", "render_row"),
        ("sh", "deploy_all() {", "deploy_all"),
        ("sql", "CREATE TABLE IF NOT EXISTS public.orders (", "orders"),
        ("lua", "function Class:update(dt)", "update"),
        ("markdown", "## Set-up ##", "Set-up"),
        ("toml", "[tool.ruff]", "tool.ruff"),
        ("makefile", "release: build", "release"),
    ],
)
def test_definitions_are_found(language: str, line: str, name: str | None) -> None:
    assert [one.name for one in definitions.find([line], language)] == ([name] if name else [])


def test_headings_in_fences_and_underlined_ones() -> None:
    assert [one.name for one in definitions.find(["# A", "```", "# no", "```", "# B"], "markdown")] == ["A", "B"]
    assert [one.line for one in definitions.find(["Title", "=====", "", "text", "", "Part", "----"], "rst")] == [1, 6]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("core/history.py", Kind.CODE),
        ("tests/test_a.py", Kind.TEST),
        ("src/a.test.ts", Kind.TEST),
        ("pkg/a_test.go", Kind.TEST),
        ("src/main/UserTest.java", Kind.TEST),
        ("src/latest.py", Kind.CODE),
        ("src/contest/a.py", Kind.CODE),
        ("README.md", Kind.PROSE),
        ("LICENSE", Kind.PROSE),
        ("data/a.json", Kind.PROSE),
        ("Dockerfile", Kind.CODE),
    ],
)
def test_kinds_of_files(path: str, kind: Kind) -> None:
    assert languages.kind(path) is kind


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a.py", "tests/b.py", "c.md"]), max_size=6), st.integers(0, 50 << 20))
def test_limits_cut_prose_first_and_lose_nothing(paths: list[str], size: int) -> None:
    entries = [Entry(f"{number}/{path}", "", size, "") for number, path in enumerate(paths)]
    kept, cut = listing.within_limits(entries)
    assert sorted([*kept, *cut], key=lambda entry: entry.path) == sorted(entries, key=lambda entry: entry.path)
    assert sum(entry.size for entry in kept) <= listing.MOST_OCTETS
    if any(languages.kind(entry.path) is Kind.CODE for entry in cut):
        assert all(languages.kind(entry.path) is Kind.CODE for entry in kept)


def test_no_more_files_than_the_limit_are_read() -> None:
    many = [Entry(f"{number}.py", "", 0, "") for number in range(listing.MOST_FILES + 1)]
    assert len(listing.within_limits(many)[0]) == listing.MOST_FILES


@settings(deadline=None)
@given(
    st.text(alphabet="ab`c.py:- 1/~", min_size=1).filter(lambda text: text.strip("` ")),
    st.integers(1, 9_999),
    st.integers(0, 50),
)
def test_a_citation_is_read_again_as_it_was_written(path: str, first: int, more: int) -> None:
    citation = Citation(path, first, first + more)
    if path.strip() == path and "``" not in path:
        assert citations.found(f"See {citation} there.\n\n```\n`quoted.py:1-2`\n```\n") == [citation]


@settings(deadline=None)
@given(st.lists(st.text(alphabet="`~x "), max_size=6))
def test_no_line_closes_the_fence_around_it(lines: list[str]) -> None:
    first, *inside, last = extractive.fenced(lines, "python").split("\n")
    assert inside == lines
    assert first == last + "python"
    assert not any(line.strip().startswith(last) for line in inside)
