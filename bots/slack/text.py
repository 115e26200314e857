"""Pure: the text of a Slack message, as people read it.

Slack escapes `&`, `<` and `>`, and writes mentions, links and dates between angle brackets; one pass over the text
turns both back, so that nothing is decoded twice. Message text is used rather than its blocks: not every event of one
post carries blocks, and all of them must be the same question.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}
_TOKEN = re.compile(
    r"<(?P<kind>[@#!]|(?=(?:https?|ftps?|mailto|tel|slack)\b|[A-Za-z][A-Za-z0-9+.-]*://))"
    r"(?P<target>[^<>|\n]*)(?:\|(?P<label>[^<>\n]*))?>"
    r"|&(?P<entity>amp|lt|gt);"
)
_PERSON = re.compile(r"<@(?P<user>[UW][A-Z0-9_]*)(?:\|[^<>\n]*)?>")
_OTHERS = re.compile(r"<!(?:subteam\^|here\b|channel\b|everyone\b|group\b)")
_FENCE = re.compile(r"```(?P<code>.*?)```", re.DOTALL)
_DATE = re.compile(r"date\^(?P<seconds>-?[0-9]{1,11})\^")
_IMPLIED = ("", "http://", "https://", "mailto:", "tel:")  # what Slack puts before what it made a link of by itself
# Controls, bidirectional and other format characters, fillers, tags and variation selectors beyond the emoji's own:
# what hides or reorders text. Joiners stay between characters of scripts and emoji that need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_STRAY_JOINER = re.compile("(?<![^\x00-\x7f\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f\u200c\u200d])")
_LINE_END = re.compile("\r\n?|[\x85\u2028\u2029]")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def readable(raw: str) -> str:
    """The text with names, links and dates in plain words, code fences on lines of their own, nothing invisible."""
    text = _LINE_END.sub("\n", _TOKEN.sub(_plain, _FENCE.sub(_fenced, raw)))
    return _STRAY_JOINER.sub("", _UNSEEN.sub("", text)).strip()


def mentioned(raw: str) -> frozenset[str]:
    """The ids of the people a message mentions."""
    return frozenset(found["user"] for found in _PERSON.finditer(raw))


def calls_others(raw: str, but: str) -> bool:
    """Whether the message calls on somebody but this user: a person, a group, everybody here."""
    return bool(mentioned(raw) - {but}) or _OTHERS.search(raw) is not None


def without_mention(raw: str, user_id: str) -> str:
    """The text without the mentions of this user, the blanks before them and the comma after the first."""
    mention = rf"<@{re.escape(user_id)}(?:\|[^<>\n]*)?>"
    raw = re.sub(rf"\A(?:\s*{mention})+(?:\s*[,:;](?=\s|\Z))?", "", raw)
    return re.sub(rf"(?<![ \t])[ \t]*+{mention}", "", raw)  # tried once for each run of blanks, not from each blank


def _plain(found: re.Match[str]) -> str:
    entity, kind, target = found["entity"], found["kind"], _decoded(found["target"] or "")
    if entity:
        return _ENTITIES[entity]
    label = _decoded(found["label"] or "").strip()
    if kind == "!":
        return _special(target, label)
    if kind:
        return f"{kind}{label.removeprefix(kind) or target}"
    if not label or label == target:
        return target.removeprefix("mailto:").removeprefix("tel:")
    return label if target in {f"{scheme}{label}" for scheme in _IMPLIED} else f"{label} ({target})"


def _special(target: str, label: str) -> str:
    date = _DATE.match(target)
    if date and not label:
        try:
            return f"{_EPOCH + timedelta(seconds=int(date['seconds'])):%Y-%m-%d %H:%M} UTC"
        except OverflowError:
            return date["seconds"]
    if date:
        return label
    name = target.removeprefix("subteam^")
    return f"@{label.removeprefix('@') or name}"


def _decoded(text: str) -> str:
    return re.sub(r"&(amp|lt|gt);", lambda found: _ENTITIES[found[1]], text)


def _fenced(found: re.Match[str]) -> str:
    """A code block as Markdown has it: Slack writes the code directly behind the fence."""
    before = "" if found.start() == 0 or found.string[found.start() - 1] == "\n" else "\n"
    after = "" if found.end() == len(found.string) or found.string[found.end()] == "\n" else "\n"
    code = found["code"].removeprefix("\n").removesuffix("\n")
    return f"{before}```\n{code}\n```{after}" if code.strip() else found[0]
