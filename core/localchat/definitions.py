"""Where a file defines something, by one regular expression a language family.

Not a parser: a definition missed costs a little rank, never a wrong citation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_TAB = 4


@dataclass(frozen=True, slots=True)
class Definition:
    """Something named in a file. `line` counts from 1, `indent` in columns, `scope` is what encloses it, or empty."""

    name: str
    line: int
    indent: int
    scope: str = ""

    @property
    def title(self) -> str:
        """The name as people say it: `Worker.run`."""
        return f"{self.scope}.{self.name}" if self.scope else self.name


_NAME = r"(?P<name>[^\W\d]\w*)"
_PYTHON = (
    rf"\s*(?:async\s+)?def\s+{_NAME}\s*[(\[]|\s*class\s+(?P<type>\w+)\s*[(:\[]"
    r"|(?P<constant>[A-Z_][A-Z0-9_]*)\s*(?::[^=]+)?="
)
_NOT_A_METHOD = r"(?!(?:if|for|while|switch|catch|return|function|with|else|do|await|new|throw|typeof)\b)"
_SCRIPT = (
    r"\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:"
    rf"(?:async\s+)?function\s*\*?\s*{_NAME}"
    r"|(?:abstract\s+)?(?:class|interface|enum|namespace|type)\s+(?P<type>[\w$]+)"
    r"|(?:const|let|var)\s+(?P<value>[\w$]+)\s*(?::[^=]+)?=\s*(?:async\s*)?(?:function\b|\([^)]*\)\s*(?::[^=]+)?=>|\w+\s*=>|\($)"
    r")"
    r"|\s+(?:(?:public|private|protected|static|async|get|set|readonly|override|abstract)\s+)*"
    rf"{_NOT_A_METHOD}(?P<method>[#\w$]+)\s*(?:<[^>]*>)?\([^;]*\)?\s*(?::[^{{;]+)?\{{\s*$"
)
_GO = rf"func\s+(?:\([^)]*\)\s*)?{_NAME}|type\s+(?P<type>\w+)|(?:var|const)\s+(?P<value>\w+)"
_RUST = (
    r"\s*(?:pub(?:\([^)]*\))?\s+)?(?:default\s+|const\s+|async\s+|unsafe\s+|extern\s+\"[^\"]*\"\s+)*"
    rf"(?:fn|struct|enum|trait|union|mod|type|const|static)\s+(?:mut\s+)?{_NAME}"
    r"|\s*macro_rules!\s*(?P<macro>\w+)|\s*(?:unsafe\s+)?impl(?:<[^{]*?>)?\s+(?:[^{]*?\bfor\s+)?(?P<type>\w+)"
)
_MODIFIERS = (
    r"(?:(?:public|private|protected|internal|static|final|abstract|override|virtual|async|sealed|open|data|inline"
    r"|suspend|partial|readonly|synchronized|native|default|extern|unsafe|fileprivate|mutating|external|implicit"
    r"|lazy|case|companion|required|convenience|tailrec|operator|factory|late|const)\s+)*"
)
_JAVA_LIKE = (
    rf"\s*(?:@\w+(?:\([^)]*\))?\s+)*{_MODIFIERS}(?:"
    r"(?:class|interface|enum|record|object|struct|protocol|extension|trait|actor|mixin|namespace)\s+(?P<type>\w+)"
    rf"|(?:fun|func|def)\s+(?:<[^>]*>\s*)?(?:[\w.]+\.)?{_NAME}"
    rf"|(?!(?:return|new|else|throw|await|yield|if|for|while|using|import|package)\b)[\w.<>\[\],?]+\s+{_NOT_A_METHOD}"
    r"(?P<method>\w+)\s*\([^;=]*(?:\)\s*(?:throws\s+[\w., ]+)?\s*(?:\{.*)?|,)$)"
)
_C = (
    r"\s*(?:typedef\s+)?(?:struct|class|enum(?:\s+class)?|union|namespace)\s+(?P<type>\w+)[^;]*$"
    r"|#\s*define\s+(?P<macro>\w+)"
    r"|(?!return\b|else\b|if\b|for\b|while\b|switch\b|typedef\b|using\b|#)[A-Za-z_][\w\s*&:<>,~\[\]]*?"
    r"(?P<name>~?\w+)\s*\([^;]*$"
)
_RUBY = rf"\s*def\s+(?:self\.)?{_NAME}|\s*(?:class|module)\s+(?:\w+::)*(?P<type>\w+)"
_PHP = (
    rf"\s*(?:(?:public|private|protected|static|abstract|final|readonly)\s+)*(?:function\s+&?{_NAME}"
    r"|(?:class|interface|trait|enum)\s+(?P<type>\w+))"
)
_ELIXIR = (
    rf"\s*(?:def|defp|defmacro|defmacrop|defguard)\s+{_NAME}|\s*def(?:module|protocol|impl)\s+(?:\w+\.)*(?P<type>\w+)"
)
_SHELL = r"\s*(?:function\s+(?P<name>[\w-]+)|(?P<method>[\w-]+)\s*\(\))"
_SQL = (
    r"(?i:\s*create\s+(?:or\s+replace\s+)?(?:unique\s+|temp(?:orary)?\s+|materialized\s+)*"
    r"(?:table|view|function|procedure|trigger|index|type)\s+(?:if\s+not\s+exists\s+)?[\"'`\[]?(?:\w+\.)?(?P<name>\w+))"
)
_LUA = r"\s*(?:local\s+)?function\s+(?:[\w.]+[.:])?(?P<name>\w+)|\s*(?:local\s+)?(?P<value>\w+)\s*=\s*function\b"
_OTHER = (
    rf"\s*(?:export\s+)?(?:(?:pub|public|private|local|async|static)\s+)*(?:function|func|fn|def|sub|proc|fun)\s+{_NAME}"
    r"|\s*(?:message|service|enum|rpc|type|input|interface|union|class|struct|module|data|resource)\s+"
    r"[\"']?(?P<type>\w+)[\"']?[^;]*[{(]?\s*$"
)
_MARKDOWN = r"#{1,6}\s+(?P<heading>\S.{0,100}?)\s*#*$"
_MAKE = r"(?P<name>[A-Za-z][\w.-]*)\s*:(?!=)"
_TABLES = r"\s*\[{1,2}(?P<heading>[^\]]{1,100})\]"

_PATTERNS = {
    language: re.compile(pattern)
    for languages, pattern in (
        ("python", _PYTHON),
        ("javascript typescript", _SCRIPT),
        ("go", _GO),
        ("rust", _RUST),
        ("java kotlin scala csharp swift dart", _JAVA_LIKE),
        ("c cpp", _C),
        ("ruby", _RUBY),
        ("php", _PHP),
        ("elixir", _ELIXIR),
        ("sh", _SHELL),
        ("sql", _SQL),
        ("lua", _LUA),
        ("erlang haskell perl r julia zig powershell proto graphql hcl nix", _OTHER),
        ("markdown", _MARKDOWN),
        ("makefile", _MAKE),
        ("toml ini", _TABLES),
    )
    for language in languages.split()
}
FLAT = frozenset({"markdown", "rst", "makefile", "toml", "ini"})  # what is defined goes on to the next of its kind
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+])\1{2,}\s*$")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")
_LONGEST_LINE = 400  # characters; a regular expression need not see more of one


def find(lines: list[str], language: str) -> list[Definition]:
    """What a file defines, in order; for prose, its headings."""
    if language == "rst":
        return _underlined(lines)
    pattern = _PATTERNS.get(language)
    if pattern is None:
        return []
    found: list[Definition] = []
    fenced = False
    for number, line in enumerate(lines, 1):
        if language == "markdown" and _FENCE.match(line):
            fenced = not fenced
        match = None if fenced else pattern.match(line[:_LONGEST_LINE])
        name = next((text for text in match.groupdict().values() if text), None) if match else None
        if name is not None:
            found.append(Definition(name, number, indent(line)))
    return found if language in FLAT else _scoped(found)


def indent(line: str) -> int:
    """How far in a line begins, in columns."""
    expanded = line.expandtabs(_TAB)
    return len(expanded) - len(expanded.lstrip())


def _scoped(found: list[Definition]) -> list[Definition]:
    """Indentation stands in for nesting; formatters keep it true in every language listed here."""
    open_ones: list[Definition] = []
    scoped = []
    for one in found:
        while open_ones and open_ones[-1].indent >= one.indent:
            open_ones.pop()
        scope = open_ones[-1].name if open_ones else ""
        scoped.append(Definition(one.name, one.line, one.indent, scope))
        open_ones.append(one)
    return scoped


def _underlined(lines: list[str]) -> list[Definition]:
    return [
        Definition(title.strip()[:100], number, 0)
        for number, (title, below) in enumerate(pairwise(lines), 1)
        if title.strip() and not title[0].isspace() and _UNDERLINE.match(below) and not _UNDERLINE.match(title)
    ]
