"""What people type after `/askrepo`, and the words that steer a thread.

A first word is a command only if the rest fits it; everything else is a question. Where a command was clearly meant
and cannot be run (`map` with one word that names no repository), a Mistake says so: better than a wrong question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from core.channels import aliases
from core.channels.pasted import holds_token
from core.errors import AskrepoError, BadAlias, RepositoryNameError
from core.repositories import parse as repository

_PUNCTUATION = "*_~`'\".,:;!?…()[]"
_LONGEST_WORD = 20  # characters worth looking at for a word alone
_PASTED = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])\S{16,}", re.ASCII)  # has the looks of a token
_ISSUED = re.compile(r"(?:sk-|gh[oprsu]_|github_pat_|glpat-|xox[a-z]-|eyJ)[\w.=+/-]{12,}", re.ASCII)  # is one
_GIVING = frozenset({"set", "add", "replace"})  # what people do with a token
_SHORTEST_TOKEN = 6  # characters; `token set up` is about something else
_LEADING = re.compile(  # to a token, which may be written right onto them: `token=…`, `"token": "…"`
    r"\W*(?:(?:token|set|add|replace|show|remove|workspace)\b[*~`'\"]*(?:(?:[:=\uff1a\s]|(?<=token),)\W*|$))+",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question."""

    text: str


@dataclass(frozen=True, slots=True)
class Map:
    """`map <repository> [as <alias>]`. `repository` is a canonical name."""

    repository: str
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Unmap:
    """`unmap [<repository>|<alias>]`: at most one of the two is given; neither means the channel's only mapping."""

    repository: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class List:
    """`list`."""


@dataclass(frozen=True, slots=True)
class Why:
    """`why`, or `why in:…`; `text` is the latter's `in:…`."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """`status`."""


class TokenAction(StrEnum):
    """What to do about a token."""

    SHOW = "show"
    SET = "set"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Token:
    """`token [show|set|remove] [workspace]`, of the channel's default mapping or of the workspace.

    `pasted`: somebody wrote a token behind it, or into what would be a question. The value itself is kept nowhere.
    """

    action: TokenAction = TokenAction.SHOW
    of_workspace: bool = False
    pasted: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """`settings`."""


@dataclass(frozen=True, slots=True)
class Default:
    """`default <repository>`, or `default none`. `repository` is a canonical name; None: the workspace has none."""

    repository: str | None


@dataclass(frozen=True, slots=True)
class Help:
    """`help`, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A command that cannot be run, and why."""

    error: AskrepoError


Command = Map | Unmap | List | Why | Status | Token | Settings | Default | Help | Mistake


class ThreadWord(StrEnum):
    """What steers a thread, said after a mention: commands do not exist inside threads everywhere."""

    STOP = "stop"
    RETRY = "retry"
    NEW = "new"
    MUTE = "mute"
    UNMUTE = "unmute"


def parse(text: str) -> Command | Ask:
    """The command or question that was typed. Never raises."""
    text = text.strip()
    if not text:
        return Help()
    first, *rest = _words(text)
    reading = _READINGS.get(_plain(first))
    command = reading(rest) if reading else None
    if command is None and holds_token(text):  # as a question it would be shown, stored and sent on
        return Token(TokenAction.SET, pasted=True)
    return command or Ask(text)


def gives_token(text: str) -> bool:
    """Whether somebody wrote a token into it, after `token set` or anywhere else: then it is no question."""
    command = parse(text)
    return isinstance(command, Token) and command.pasted


def thread_word(text: str) -> ThreadWord | None:
    """The word that steers a thread, if the text is that word alone; case and punctuation do not count."""
    word = _plain(text)
    return ThreadWord(word) if word in set(ThreadWord) else None


def _words(text: str) -> list[str]:
    leading = _LEADING.match(text)
    return [*re.findall(r"\w+", leading[0]), *text[leading.end() :].split()] if leading else text.split()


def _plain(text: str) -> str:
    text = text.strip()
    return text.strip(_PUNCTUATION).strip().lower() if len(text) <= _LONGEST_WORD else text


def _alone(command: Command) -> Callable[[list[str]], Command | None]:
    return lambda rest: None if rest else command


def _map(rest: list[str]) -> Command | None:
    if not rest:
        return Mistake(RepositoryNameError("", "it is empty", "owner/name"))
    connected = [word.lower() for word in rest[1:2]] == ["as"]
    if len(rest) > 1 and not connected:
        return None
    try:
        name = repository(rest[0])
    except RepositoryNameError as error:
        return Mistake(error) if len(rest) in {1, 3} else None
    if not connected:
        return Map(name)
    try:
        return Map(name, aliases.check(" ".join(rest[2:])))
    except BadAlias as error:
        return Mistake(error)


def _unmap(rest: list[str]) -> Command | None:
    if not rest:
        return Unmap()
    if len(rest) > 1:
        return None
    if aliases.is_alias(rest[0]):
        return Unmap(alias=rest[0])
    try:
        return Unmap(repository(rest[0]))
    except RepositoryNameError as error:
        return Mistake(error)


def _why(rest: list[str]) -> Command | None:
    if not rest:
        return Why()
    return Why(rest[0]) if len(rest) == 1 and rest[0].lower().startswith("in:") else None


def _token(rest: list[str]) -> Command | None:
    words = [word.lower() for word in rest]
    of_workspace = "workspace" in words
    words = [word for word in words if word != "workspace"]
    if not words:
        return Token(of_workspace=of_workspace)
    if len(words) == 1 and words[0] in set(TokenAction):
        return Token(TokenAction(words[0]), of_workspace)
    *before, last = words
    given = before == [TokenAction.SET] and len(last) >= _SHORTEST_TOKEN
    if given or (set(before) <= set(TokenAction) and _PASTED.fullmatch(last)) or _given(rest):
        return Token(TokenAction.SET, of_workspace, pasted=True)
    return None


def _given(words: list[str]) -> bool:
    """Whether there is a token among other words: as a question they would be shown to everybody."""
    plain = [word.strip(_PUNCTUATION) for word in words]
    before = ["", *(word.lower() for word in plain)]
    return any(
        _ISSUED.fullmatch(word) or (_PASTED.fullmatch(word) and ("bearer" in before[:at] or before[1] in _GIVING))
        for at, word in enumerate(plain, 1)
    )


def _giving(rest: list[str]) -> Command | None:
    """`set token …`, for `token set …`."""
    if rest and rest[0].lower() == "token" and _given(["set", *rest[1:]]):
        return Token(TokenAction.SET, "workspace" in map(str.lower, rest), pasted=True)
    return None


def _default(rest: list[str]) -> Command | None:
    if len(rest) > 1:
        return None
    if rest and _plain(rest[0]) == "none":
        return Default(None)
    named = _map(rest)
    return Default(named.repository) if isinstance(named, Map) else named


_READINGS: dict[str, Callable[[list[str]], Command | None]] = {
    "map": _map,
    "unmap": _unmap,
    "list": _alone(List()),
    "why": _why,
    "status": _alone(Status()),
    "token": _token,
    "settings": _alone(Settings()),
    "default": _default,
    "help": _alone(Help()),
    **dict.fromkeys(_GIVING, _giving),
}
