"""`path:first-last`: how an answer points at lines, and how an earlier answer is read again."""

from __future__ import annotations

import re
from dataclasses import dataclass

_CODE = re.compile(r"(?<!`)(`+)(?!`)(?P<text>[^\n]{1,400}?)(?<!`)\1(?!`)")
_SPAN = re.compile(r"(?P<path>.+):(?P<first>\d{1,7})(?:-(?P<last>\d{1,7}))?")

_FENCED = re.compile(r"^ {0,3}(`{3,}(?!`)|~{3,}(?!~))[^\n]*\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Citation:
    """Lines `first` to `last` of a file, from 1 and inclusive."""

    path: str
    first: int
    last: int

    def __str__(self) -> str:
        """A Markdown code span; a single line is written as one number."""
        lines = f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"
        return code(f"{self.path}:{lines}")


def code(text: str) -> str:
    """A Markdown code span that holds the text whatever back-ticks it has."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    mark = "`" * (longest + 1)
    edge = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{mark}{edge}{text}{edge}{mark}"


def spans(markdown: str) -> list[str]:
    """What the code spans of a text hold, without the space that sets off back-ticks at their edges."""
    texts = (match["text"] for match in _CODE.finditer(prose(markdown)))
    return [text[1:-1] if text[0] == text[-1] == " " and text.strip() else text for text in texts]


def prose(markdown: str) -> str:
    """The text without its fenced code, which is quoted and says nothing itself."""
    return _FENCED.sub("", markdown)


def found(markdown: str) -> list[Citation]:
    """The citations of a text in order of first appearance, each once. Nothing is known of whether they exist."""
    matches = (_SPAN.fullmatch(text) for text in spans(markdown))
    cited = (Citation(one["path"], int(one["first"]), int(one["last"] or one["first"])) for one in matches if one)
    return list(dict.fromkeys(cited))
