"""`askrepo doctor`: makes every check, each with a deadline of its own, and says what it found and what to do.

The checks run at the same time and are shown in their order, so that one that fails or hangs neither hides the others
nor delays them by more than its deadline.
"""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.text import Text

from bots import checkup
from bots.console.outgoing import one_line
from bots.discord import checkup as discord
from bots.errors import CommandError
from bots.findings import Check, Finding, Level, warning, wrong
from bots.operator import Where, believes
from bots.slack import checkup as slack
from core import logs
from core.errors import AskrepoError, SettingsError
from core.settings import Settings
from core.wording import code, duration, sentence

log = logs.get(__name__)

SECONDS = 10.0  # for each check

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.WRONG: "red"}
_LEVEL, _SUBJECT = 9, 18  # columns
_NARROWEST = 50  # columns that lines are folded to


async def examine(settings: Settings, problems: Sequence[SettingsError]) -> None:
    """Check everything, and print it. `problems` are the settings that cannot work, and stand at their defaults.

    Raises CommandError if anything is wrong.
    """
    console = Console(highlight=False)
    width = max(_NARROWEST, console.width) if console.is_terminal else None
    levels: list[Level] = []
    async for finding in found(settings, problems):
        levels.append(finding.level)
        lines = Text(shown(finding, width))
        lines.stylize(_STYLES[finding.level], 0, _LEVEL)
        console.print(lines, soft_wrap=True)
    verdict = judged(levels)
    if Level.WRONG in levels:
        raise CommandError(verdict)
    console.print(verdict)


async def found(
    settings: Settings, problems: Sequence[SettingsError], *, seconds: float = SECONDS
) -> AsyncIterator[Finding]:
    """What each check finds within so many seconds, in their order."""
    for finding in checkup.settings(problems, believed=believes(Where(), Path.cwd())):
        yield finding
    broken = {problem.name for problem in problems}
    platforms = [*slack.checks(settings), *discord.checks(settings)]
    tasks = [asyncio.create_task(made(check, broken, seconds)) for check in (*checkup.checks(settings), *platforms)]
    for task in tasks:
        for finding in await task:
            yield finding
    if not platforms:
        fix = "Set up Slack or Discord as the README says; `askrepo console` needs neither."
        yield warning("platforms", "none is set up, so `askrepo run` has nothing to do", fix)


def shown(finding: Finding, width: int | None) -> str:
    """A finding as lines: how it stands, what it is about, and below it the fix. Folded where there is a width."""
    begin, below = f"{finding.level:<{_LEVEL}}{finding.subject:<{_SUBJECT - 1}} ", " " * (_LEVEL + _SUBJECT)
    paragraphs = [(begin, finding.words), *([(below, finding.fix)] if finding.fix else [])]
    if width is None:
        return "\n".join(indent + _clean(text) for indent, text in paragraphs)
    fold = partial(textwrap.fill, width=width, subsequent_indent=below, break_on_hyphens=False, break_long_words=False)
    return "\n".join(fold(_clean(text), initial_indent=indent) for indent, text in paragraphs)


def judged(levels: Sequence[Level]) -> str:
    """The last sentence."""
    bad, warnings = levels.count(Level.WRONG), levels.count(Level.WARNING)
    if bad:
        what, which = ("1 thing is wrong", "it") if bad == 1 else (f"{bad} things are wrong", "each")
        return f"{what}: do what stands below {which}, then run `askrepo doctor` again."
    if warnings:
        return f"Nothing is wrong, but {'a warning stands' if warnings == 1 else f'{warnings} warnings stand'} above."
    return "All is well."


def _clean(text: str) -> str:
    """The text without secrets, whatever it came from, and without anything a terminal obeys."""
    return one_line(logs.redact(text))


async def made(check: Check, broken: Collection[str], seconds: float) -> Sequence[Finding]:
    """What a check finds, or what kept it from finding anything; never an exception.

    `broken` are the names of settings that cannot work.
    """
    if useless := sorted(name for name in broken if name.startswith(check.uses)):
        return [warning(check.subject, "not checked", f"Correct {code(useless[0])} first.")]
    try:
        async with asyncio.timeout(seconds):
            return await check.look()
    except TimeoutError:
        words, fix = f"no answer within {duration(seconds)}", "See whether this machine can reach it."
    except SettingsError as error:
        words, fix = f"{code(error.name)}: {error.problem}", f"Correct {code(error.name)}."
    except AskrepoError as error:
        words, fix = sentence(error, operator=True), "Mend that, or set `ASKREPO_LOG_LEVEL=debug` to see more."
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        words, fix = f"{error.filename or 'a system call'}: {reason}", "Make it usable for this user."
    except Exception as error:
        log.debug("check failed", check=check.subject, exc_info=error)
        words, fix = f"the check itself failed ({type(error).__name__})", "`ASKREPO_LOG_LEVEL=debug` shows the details."
    return [wrong(check.subject, words, fix)]
