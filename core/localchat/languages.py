"""What a file's name tells: its language, and whether it is code, a test, or prose."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import PurePosixPath


class Kind(StrEnum):
    """What sort of text a file holds."""

    CODE = "code"
    TEST = "test"
    PROSE = "prose"  # documentation, and data that nobody runs


_BY_ENDING = {
    "python": "py pyi pyx bzl star",
    "javascript": "js jsx mjs cjs vue svelte",
    "typescript": "ts tsx mts cts",
    "go": "go",
    "rust": "rs",
    "java": "java",
    "kotlin": "kt kts",
    "scala": "scala sc",
    "csharp": "cs",
    "swift": "swift",
    "dart": "dart",
    "c": "c h",
    "cpp": "cc cpp cxx hh hpp hxx ipp cu m mm",
    "ruby": "rb rake gemspec",
    "php": "php",
    "elixir": "ex exs",
    "erlang": "erl hrl",
    "haskell": "hs",
    "lua": "lua",
    "perl": "pl pm",
    "r": "r",
    "julia": "jl",
    "zig": "zig",
    "sh": "sh bash zsh ksh bats",
    "powershell": "ps1 psm1",
    "sql": "sql",
    "proto": "proto",
    "graphql": "graphql gql",
    "hcl": "tf hcl",
    "nix": "nix",
    "css": "css scss sass less",
    "html": "html htm jinja j2 erb hbs",
    "markdown": "md markdown mdx",
    "rst": "rst",
    "toml": "toml",
    "yaml": "yml yaml",
    "json": "json jsonc json5",
    "xml": "xml xsd plist",
    "ini": "ini cfg conf properties",
    "text": "txt adoc asciidoc org tex po pot csv tsv",
}
_ENDINGS = {ending: language for language, endings in _BY_ENDING.items() for ending in endings.split()}
_NAMES = {"dockerfile": "dockerfile", "makefile": "makefile", "rakefile": "ruby", "gemfile": "ruby", "justfile": "sh"}
_PROSE = {"markdown", "rst", "text", "json", "xml"}
_PROSE_NAMES = re.compile(r"(?i)(readme|changelog|changes|history|news|license|licence|copying|authors|notice)")
_TEST = re.compile(
    r"(?i)(?:^|/)(?:tests?|testing|specs?|__tests__|__mocks__|testdata|fixtures|e2e|benchmarks?)/"
    r"|(?:^|/)(?:test_[^/]*|conftest\.py)$|[._-](?:test|tests|spec)\.[^/.]+$|(?:^|/)[^/]*(?-i:Tests?|Spec)\.[^/.]+$"
)
_IMPORTS = {
    language: re.compile(rf"\s*(?:{pattern})")
    for languages, pattern in (
        ("python", r"(?:import|from)\s"),
        ("javascript typescript", r"import\b|export\s*[{*]|(?:const|let|var)\s.*=\s*require\("),
        ("java kotlin scala swift dart haskell go", r"(?:import|package|export)\b"),
        ("rust php", r"(?:pub\s+)?use\s|(?:require|include)(?:_once)?\b"),
        ("csharp", r"using\s+[\w.]+\s*(?:=.*)?;"),
        ("c cpp", r"#\s*include\b|using\s"),
        ("ruby elixir lua", r"(?:require|require_relative|import|alias|use)\b|local\s+\w+\s*=\s*require\b"),
    )
    for language in languages.split()
}


def language(path: str) -> str:
    """The language of a file, in the words of a Markdown fence; empty where it is unknown."""
    name = PurePosixPath(path).name.lower()
    ending = name.rpartition(".")[2] if "." in name else ""
    return _NAMES.get(name) or _ENDINGS.get(ending, "")


def kind(path: str) -> Kind:
    """Whether a file is code, a test, or prose. A test written in prose is prose."""
    if language(path) in _PROSE or _PROSE_NAMES.fullmatch(PurePosixPath(path).name):
        return Kind.PROSE
    return Kind.TEST if _TEST.search(path) else Kind.CODE


def explains(path: str) -> bool:
    """Whether a file is written for who uses what lies around it."""
    return kind(path) is Kind.PROSE and language(path) not in {"json", "xml"} and not _TEST.search(path)


def is_import(line: str, language: str) -> bool:
    """Whether a line of code only brings names in from elsewhere."""
    pattern = _IMPORTS.get(language)
    return pattern is not None and bool(pattern.match(line))
