"""Checks of what belongs to no platform: settings, database, keys, and the /chat service."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from bots.findings import Check, Finding, ok, warning, wrong
from core import checkup, configured, errors
from core.errors import ChatError, DatabaseError, SettingsError, SettingsFileError
from core.localchat.git import GitFailed, GitMissing
from core.schema import State
from core.settings import Settings, cache_folder, names, strangers
from core.wording import code, codes, sentence

_CHAT_SECONDS = 8.0  # for one question to /chat, within the check's own deadline
_ALIKE = 0.85  # from here on a name is taken for a misspelt one
_DATABASE = ("DATABASE_URL",)


def settings(problems: Sequence[SettingsError], *, believed: bool) -> list[Finding]:
    """What is to be said of the settings by themselves. `believed`: whether a console here takes them from `.env`."""
    subject, file = "settings", Path.cwd() / ".env"
    bad = [_problem(subject, each) for each in problems]
    if file.is_dir():  # it is passed over in silence: a container has made it, where a file to mount was missing
        bad.append(wrong(subject, f"{code(str(file))} is no file", "Remove the folder, and put a file in its place."))
    odd = [found for name in strangers() if (found := _stranger(subject, name)) is not None]
    ignored = "" if believed else ", which `askrepo console` ignores inside a git repository"
    read = f" and {file}{ignored}" if file.exists() else f"; there is no {file}"
    return [*bad, *odd] or [ok(subject, f"from the environment{read}")]


def _problem(subject: str, problem: SettingsError) -> Finding:
    if isinstance(problem, SettingsFileError):
        return wrong(subject, problem.problem, f"{problem.fix[0].upper()}{problem.fix[1:]}.")
    return wrong(subject, f"{code(problem.name)}: {problem.problem}", f"Correct {code(problem.name)}.")


def last_resorts(given: Settings) -> str:
    """The settings by which people are answered where nothing is stored, as code; "" where none is set."""
    resorts = (("ASKREPO_CHAT_TOKEN", given.chat_token), ("ASKREPO_REPO", given.repo))
    return codes([name for name, value in resorts if value is not None])


def checks(given: Settings) -> list[Check]:
    """What is to be looked at, whatever the platform."""
    found = [
        Check("database", _DATABASE, partial(_database, given)),
        Check("keys", (*_DATABASE, "ASKREPO_SECRET_KEYS"), partial(_keys, given)),
    ]
    if given.repo is not None:
        found.append(Check("last resort", ("ASKREPO_REPO",), partial(_repository, given)))
    if given.public_url is not None and given.token_page is None:
        found.append(Check("token page", ("ASKREPO_PUBLIC_URL",), _in_clear))
    chat = _embedded if given.chat_url is None else partial(_chat, given, given.chat_url)
    return [*found, Check("/chat", ("ASKREPO_CHAT_",), chat)]


def _stranger(subject: str, name: str) -> Finding | None:
    """Names of Slack's and Discord's may be another program's, unless they look like a slip."""
    alike = get_close_matches(name, names(), n=1, cutoff=_ALIKE)
    if alike:
        return warning(subject, f"{code(name)} is no setting", f"Write {code(alike[0])}, if that is meant.")
    if name.startswith("ASKREPO_"):
        return warning(subject, f"{code(name)} is no setting", "Unset it; `.env.example` lists all that there are.")
    return None


async def _database(given: Settings) -> list[Finding]:
    try:
        stored = await checkup.database(given)
    except DatabaseError as error:
        return [wrong("database", f"{error.where}: {error.problem}", _database_fix(error))]
    if stored.state is State.BEHIND:
        fix = "Run `askrepo db upgrade`; else the next start does it."
        schema = warning("migrations", "the database was last used by an older askrepo", fix)
    elif stored.state is State.EMPTY:
        schema = ok("migrations", "the database will be brought up to date on the first run")
    else:
        schema = ok("migrations", "the database is up to date")
    return [ok("database", stored.where), schema]


def _database_fix(error: DatabaseError) -> str:
    match error:
        case errors.DatabaseUnavailable():
            return "Start it, or correct `DATABASE_URL`."
        case errors.DatabaseTooNew():
            return "Update askrepo."
    return "Give this user the right to read and write it, or let `DATABASE_URL` name a database for askrepo alone."


async def _keys(given: Settings) -> list[Finding]:
    try:
        found = await checkup.keys(given)
    except errors.KeyringError as error:
        return [wrong("keys", error.problem, _keys_fix(given))]
    except errors.Tampered:
        words = "what is stored was changed, or is not the database that these keys belong to"
        return [wrong("keys", words, "Restore database and keys from the same backup.")]
    except SettingsError:  # of the database's address, which has a line of its own
        return [warning("keys", "not checked", "Mend the database first.")]
    if not found.tried:
        return [warning("keys", f"{found.where}, not tried on what is stored", "Mend the database first.")]
    if found.lost:
        words = f"tokens are stored under {codes(found.lost)}, which {found.where} does not hold"
        return [wrong("keys", words, f"{_keys_fix(given)} Or enter these tokens anew.")]
    return [ok("keys", found.where if found.made else f"the first run makes one in {found.where}")]


def _keys_fix(given: Settings) -> str:
    if given.secret_keys is None and checkup.is_shared(given):
        return "Put what `askrepo keys new` prints into `ASKREPO_SECRET_KEYS`, the same for every process."
    if given.secret_keys is None:
        return "Mend that file, or put the keys into `ASKREPO_SECRET_KEYS`."
    return "Let `ASKREPO_SECRET_KEYS` hold the keys that are in use here, comma-separated."


async def _repository(given: Settings) -> list[Finding]:
    return [ok("last resort", f"{code(str(configured.repository(given)))}, where nothing else names a repository")]


async def _in_clear() -> list[Finding]:
    words = (
        "there is none: what is typed on a page by http travels in clear, so chats ask for tokens in their own forms"
    )
    return [warning("token page", words, "Let `ASKREPO_PUBLIC_URL` begin with https://, and lead to this bot by TLS.")]


async def _embedded() -> list[Finding]:
    return [await asyncio.to_thread(_git), _clones(cache_folder())]


def _git() -> Finding:
    fix = "Install git: the embedded /chat reads repositories with it."
    try:
        return ok("git", f"{checkup.git_version()}, for the embedded /chat")
    except GitMissing:
        return wrong("git", "it is not installed", fix)
    except GitFailed:
        return wrong("git", "it is there, and does not work", fix)


def _clones(folder: Path) -> Finding:
    if (nearest := checkup.unwritable(folder)) is not None:
        fix = "Let this user write there, or let `XDG_CACHE_HOME` name another folder."
        return wrong("clones", f"{nearest} is no folder that can be written to", fix)
    return ok("clones", f"in {folder}")


async def _chat(given: Settings, url: str) -> list[Finding]:
    try:
        repository = configured.repository(given)
    except SettingsError:
        repository = None  # has a line of its own
    error = await checkup.service(given, url, repository, seconds=_CHAT_SECONDS)
    if error is not None:
        return [_chat_problem(given, url, repository, error)]
    if repository is None:
        return [ok("/chat", f"{url} can be reached; to have it asked something, set `ASKREPO_REPO`")]
    return [ok("/chat", f"{url} answers about {code(repository)}")]


def _chat_problem(given: Settings, url: str, repository: str | None, error: ChatError) -> Finding:
    about, level, detail = code(str(repository)), wrong, f" ({error.detail})" if error.detail else ""
    match error:
        case errors.TokenWanted():
            level = warning
            words, fix = f"{url} wants a token", "Set `ASKREPO_CHAT_TOKEN`, or give each channel a token of its own."
        case errors.TokenRefused():
            words, fix = f"{url} refuses the token for {about}", "Set `ASKREPO_CHAT_TOKEN` to one that may read it."
        case errors.UnknownModel():
            words, fix = f"{url} does not know {code(given.chat_model)}", "Set `ASKREPO_CHAT_MODEL` to a model it has."
        case errors.UnknownRepository():
            words, fix = f"{url} does not know {about}", "Correct `ASKREPO_REPO`, or have the service index it."
        case errors.RepositoryIndexing():
            level, words, fix = warning, f"{url} is still indexing {about}", "Wait until it is done."
        case errors.RateLimited():
            level, words, fix = warning, f"{url} gets too many questions just now", "Try again in a few minutes."
        case (
            errors.RepositoryAway()
            | errors.RepositoryUnreadable()
            | errors.RepositoryTooLarge()
            | errors.NoGit()
            | errors.CacheUnusable()
        ):
            words, fix = sentence(error, repository=repository, operator=True), "Mend that where the service runs."
        case errors.ServiceUnavailable() | errors.ChatTimeout():
            words, fix = f"{url} does not answer{detail}", "Start the service, or correct `ASKREPO_CHAT_URL`."
        case _:
            words = f"{url} does not answer as a /chat does{detail}"
            fix = "Correct `ASKREPO_CHAT_URL` and `ASKREPO_CHAT_PATH`."
    return level("/chat", words, fix)
