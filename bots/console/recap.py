"""Pure: the words with which a session begins."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from bots.console.outgoing import one_line
from core.channels.choosing import Facts, choose
from core.conversation.values import Turn
from core.errors import MappingError

_TURNS = 3  # of an earlier session, to find one's way back
_LINES = 3  # of an answer
_CHARACTERS = 240

RESUME = "askrepo console --resume"


def repository(facts: Facts) -> str | None:
    """What a question without `in:` is about here."""
    try:
        return choose(facts, "").repository
    except MappingError:
        return None


def greeting(name: str | None, channel_id: str, service: str) -> list[Text]:
    """What is asked, and whom."""
    about = name or "no repository yet"
    folder = channel_id if Path(channel_id).is_absolute() else ""
    first = Text.assemble(("askrepo", "bold"), " · ", (one_line(about), "bold" if name else "yellow"))
    if folder and name:
        first.append(f" · {one_line(folder)}", style="dim")
    second = f"Answers come from {one_line(service)}. /help lists commands, Ctrl-D leaves."
    return [first, Text(second, style="dim")]


def earlier(turns: Sequence[Turn], mark: str) -> list[Text]:
    """The last turns that have ended, shortened."""
    ended = [turn for turn in turns if turn.outcome is not None]
    lines: list[Text] = []
    if len(ended) > _TURNS:
        lines.append(Text(f"… {len(ended) - _TURNS} earlier", style="dim"))
    for turn in ended[-_TURNS:]:
        lines += [Text(""), question(turn.question.text, mark)]
        if turn.answer is not None and turn.answer.text:
            lines += [Text(f"  {line}", style="dim") for line in _beginning(turn.answer.text)]
        else:
            lines.append(Text(f"  {turn.outcome}", style="dim"))
    return lines


def question(text: str, mark: str) -> Text:
    """A question as it looked when it was typed."""
    shown = one_line(text)
    return Text.assemble((f"{mark} ", "bold"), shown if len(shown) <= 1_000 else f"{shown[:1_000]}…")


def _beginning(answer: str) -> list[str]:
    every = [line for line in answer.splitlines() if line.strip()]
    prose = list(itertools.takewhile(lambda line: not line.lstrip().startswith(("```", "~~~")), every))
    lines = [one_line(line).replace("`", "") for line in prose[:_LINES]]
    shown = [line if len(line) <= _CHARACTERS else f"{line[:_CHARACTERS]}…" for line in lines]
    return shown if len(every) == len(shown) else [*shown, "…"]


def unfinished(count: int) -> str:
    """An earlier session here ended before its question was answered."""
    what = "A question" if count == 1 else f"{count} questions"
    return f"{what} asked here earlier still {'waits' if count == 1 else 'wait'} for an answer; `{RESUME}` goes on."
