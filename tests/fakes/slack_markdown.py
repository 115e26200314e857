"""What Slack makes of Markdown: recordings of conversations.replies show it as header, table, divider and rich_text."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]

_HEADING = re.compile(r" {0,3}#{1,6} +(?P<words>.+?)(?: +#+)?\s*")
_RULE = re.compile(r" {0,3}(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})\s*")
_DELIMITER = re.compile(r" {0,3}\|?(?: *:?-+:? *\|)+(?: *:?-+:?)? *\s*")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})")


def translated(markdown: str) -> list[Json]:
    """The blocks that it becomes: headings, tables and rules are blocks of their own, all between them is one."""
    found: list[Json] = []
    run: list[str] = []
    fence, lines, at = "", markdown.splitlines(keepends=True), 0

    def between() -> None:
        if "".join(run).strip():
            section = {"type": "rich_text_section", "elements": [{"type": "text", "text": "".join(run)}]}
            found.append({"type": "rich_text", "elements": [section]})
        run.clear()

    while at < len(lines):
        line = lines[at]
        at += 1
        opened = _FENCE.match(line)
        heading = _HEADING.fullmatch(line)
        if fence or opened:
            run.append(line)
            ended = bool(fence) and line.strip().startswith(fence) and not line.strip().strip(fence[0])
            fence = "" if ended else fence or (opened["fence"] if opened else "")
        elif heading:
            between()
            found.append({"type": "header", "text": {"type": "plain_text", "text": heading["words"], "emoji": True}})
        elif _RULE.fullmatch(line) and not "".join(run[-1:]).strip():
            between()
            found.append({"type": "divider"})
        elif "|" in line and at < len(lines) and _DELIMITER.fullmatch(lines[at]):
            between()
            rows, at = [line], at + 1
            while at < len(lines) and lines[at].strip():
                rows.append(lines[at])
                at += 1
            found.append({"type": "table", "rows": [_cells(row) for row in rows]})
        else:
            run.append(line)
    between()
    return found


def _cells(row: str) -> list[Json]:
    return [{"type": "raw_text", "text": cell.strip()} for cell in row.strip().strip("|").split("|")]


def made(blocks: list[Json]) -> list[Json]:
    """Blocks as they are read back."""
    read = (translated(block["text"]) if block["type"] == "markdown" else [block] for block in blocks)
    return [each for some in read for each in some]
