"""All words for people: Markdown, plain and friendly, each failure with its next step; the same on every platform.

What people or services wrote is shown as code, so that it neither formats nor links nor pings. Nothing here repeats
the text of a foreign exception to a chat, an address of a service, or a secret. Replies to commands stand in
channels/replies.py. One module, long as it is: who changes a word reads the others beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core import errors
from core.errors import AskrepoError, ChatError, DatabaseError, Deadline, Gone, Level

_SHOWN = 120  # characters of one value
_AGAIN = "Please try again."
_LATER = "Please try again in a few minutes."
_OPERATOR = "Please tell whoever runs this bot."
_STAYS = "If this keeps happening, tell whoever runs this bot."
_MANAGER = "Somebody who may manage this channel's mappings"
_TO_OPERATOR = (
    (_OPERATOR, "`askrepo doctor` says more."),
    (_STAYS, "If this keeps happening, `askrepo doctor` says why."),
    (f"{_MANAGER} can", "You can"),
    ("Whoever runs this bot can", "You can"),
    ("`/askrepo token set`", "`askrepo token set`"),  # a token is entered in a shell alone
)
_IN_SHELL = re.compile(r"`/askrepo (?=(?:map|unmap|list|why)\b)")


def code(text: str) -> str:
    """A value as inline code on one line, shortened, without anything that would end the code."""
    clean = " ".join("".join(each if each.isprintable() and each != "`" else " " for each in text).split())
    return f"`{clean if len(clean) <= _SHOWN else clean[:_SHOWN] + '…'}`"


def codes(texts: Sequence[str]) -> str:
    """Values as inline code, enumerated."""
    return ", ".join(map(code, texts))


def duration(seconds: float) -> str:
    """A span of time as people say it, rounded up."""
    if seconds <= 90:
        number, unit = max(1, -int(-seconds // 1)), "second"
    elif seconds <= 90 * 60:
        number, unit = -int(-seconds // 60), "minute"
    else:
        number, unit = -int(-seconds // 3600), "hour"
    return f"{number} {unit}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the failing question was put to, where known."""

    repository: str | None
    model: str | None

    @property
    def about(self) -> str:
        """The repository's name, or nothing."""
        return code(self.repository) if self.repository else ""


def sentence(
    error: AskrepoError, *, repository: str | None = None, model: str | None = None, operator: bool = False
) -> str:
    """What went wrong and what to do next, for the asker; for a partial answer, what stands below its text.

    `repository` and `model` name what was asked, where the words depend on it. `operator` adds what only whoever runs
    the bot should read: where the database is, and what it said; nor are they sent to themselves.
    """
    words = next(_WORDS[kind] for kind in type(error).__mro__ if kind in _WORDS)
    text = words if isinstance(words, str) else words(error, _Asked(repository, model))
    if isinstance(error, ChatError) and error.partial:
        text = f"**The answer is cut off here.** {text}"
    if operator:
        text = text.removesuffix(f" {_OPERATOR}").removesuffix(f" {_STAYS}")
    if operator and isinstance(error, DatabaseError):
        text = _of_database(error, text)
    return to_operator(text) if operator else text


def _of_database(error: DatabaseError, text: str) -> str:
    """With where it is and what it said, and with what whoever runs the bot can do about it."""
    detail, fix = f"({code(error.where)}: {code(error.problem)})", "correct `DATABASE_URL`; `askrepo doctor` says more."
    match error:
        case errors.LineFull() | errors.DatabaseTooNew():
            return f"{text} {detail}"
        case errors.DatabaseUnavailable():
            return f"{text.removesuffix(f'. {_LATER}')} {detail}. Try again in a few minutes, start it, or {fix}"
    return f"{text.removesuffix('.')} {detail}. Give me the right to use it, or {fix}"


def to_operator(text: str) -> str:
    """Words for everybody as whoever runs the bot hears them: not sent to themselves, but to `askrepo doctor`."""
    for everybody, operator in _TO_OPERATOR:
        text = text.replace(everybody, operator)
    return text


def in_shell(text: str) -> str:
    """Words as `to_operator` has them, with the commands as a shell takes them."""
    return _IN_SHELL.sub("`askrepo ", to_operator(text))


def _unknown_model(_: errors.UnknownModel, asked: _Asked) -> str:
    model = f"the model {code(asked.model)}" if asked.model else "the model it was asked for"
    return f"The service does not know {model}. Whoever runs this bot can set another with `ASKREPO_CHAT_MODEL`."


def _unknown_repository(_: errors.UnknownRepository, asked: _Asked) -> str:
    repository = asked.about or "this repository"
    return (
        f"The service does not know {repository}. Check its name with `/askrepo list`, or make sure that the service "
        "has access to it."
    )


def _indexing(_: errors.RepositoryIndexing, asked: _Asked) -> str:
    repository = asked.about or "This repository"
    return f"{repository} is still being indexed. {_LATER}"


def _rate_limited(error: errors.RateLimited, _: _Asked) -> str:
    wait = _LATER if error.retry_after is None else f"Please try again in {duration(error.retry_after)}."
    return f"The service is getting too many questions just now. {wait}"


def _too_many(error: errors.TooManyAsked, _: _Asked) -> str:
    who = {
        Level.PERSON: "You have asked more questions than I can take from one person",
        Level.CHANNEL: "More is being asked in this channel than I can take from one",
        Level.WORKSPACE: "More is being asked in this workspace than I can take from one",
        Level.TOKEN: "More is being asked with the token of this channel than I may send to the service",
    }
    return f"{who[error.level]}, so this question was left out. Please ask again in {duration(error.seconds)}."


def _unavailable(error: errors.ServiceUnavailable, _: _Asked) -> str:
    wait = _LATER if error.retry_after is None else f"Please try again in {duration(error.retry_after)}."
    return f"The service cannot be reached just now. {wait} {_STAYS}"


def _away(_: errors.RepositoryAway, asked: _Asked) -> str:
    repository = asked.about or "This repository"
    return f"{repository} could not be fetched: its host could not be reached. {_LATER}"


def _unreadable(_: errors.RepositoryUnreadable, asked: _Asked) -> str:
    repository = asked.about or "This repository"
    return f"{repository} could not be read with git where the embedded `/chat` runs. {_OPERATOR}"


def _too_large(_: errors.RepositoryTooLarge, asked: _Asked) -> str:
    repository = asked.about or "This repository"
    return (
        f"{repository} is too large for the embedded `/chat`. Whoever runs this bot can set `ASKREPO_CHAT_URL` to a "
        "service that takes it."
    )


def _timeout(error: errors.ChatTimeout, _: _Asked) -> str:
    happened = {
        Deadline.CONNECT: "could not be reached",
        Deadline.FIRST_TOKEN: "did not begin to answer",
        Deadline.SILENCE: "sent nothing more",
        Deadline.TOTAL: "did not finish its answer",
    }
    return f"The service {happened[error.deadline]} within {duration(error.seconds)}. {_AGAIN}"


def _unknown_alias(error: errors.UnknownAlias, _: _Asked) -> str:
    written, after = ("in:" + error.alias, "After `in:` you") if error.inline else (error.alias, "You")
    if error.known:
        return f"{code(written)} names nothing here. {after} can write {codes(error.known)}."
    return f"{code(written)} names nothing here: this channel has no mappings to choose from."


def _gone(error: errors.MappingGone, _: _Asked) -> str:
    repository, again = code(error.repository), code(f"/askrepo map {error.repository}")
    if error.suspended:
        return (
            f"{repository} is suspended here, because who reads this channel may have changed since it was mapped. "
            f"{_MANAGER} can confirm it with {again}."
        )
    return (
        f"This thread is about {repository}, which is not mapped here any more. Start a new thread, begin your "
        f"question with `in:` and a repository that is mapped here, or have it mapped again with {again}."
    )


def _place_gone(error: errors.PlaceGone, _: _Asked) -> str:
    if error.gone is not Gone.PERMISSION:
        return _NO_PLACE[error.gone]
    needed = f"the permission {code(error.permission)}" if error.permission else "a permission I do not have"
    return f"I cannot write there: I need {needed}. Whoever manages the place can grant it; then ask again."


_NO_PLACE = {
    Gone.LEFT: "I cannot write there. Invite me with `/invite @askrepo`, or ask somewhere else.",
    Gone.DELETED: "Where I was to answer is gone, so I could not. Ask somewhere else if you still need it.",
    Gone.ARCHIVED: "The channel is archived, so I cannot write in it. Ask in another one, or have it unarchived.",
    Gone.LOCKED: "The thread is locked, so I cannot write in it. Ask in another one, or have it unlocked.",
    Gone.CLOSED: "That place takes no messages of mine. Ask somewhere else.",
    Gone.FULL: "There are as many threads here as there can be, so I could not open another. Ask inside a thread.",
}


def _elsewhere(error: errors.TokenForElsewhere, _: _Asked) -> str:
    token = f"The token {code(error.label)}" if error.label else "The token of this channel"
    return (
        f"{token} was entered for another service than the one in use now, so I did not send it. "
        f"{_MANAGER} can enter it anew with `/askrepo token set`."
    )


_WORDS: dict[type[AskrepoError], str | Callable[[Any, _Asked], str]] = {
    AskrepoError: f"Something went wrong on my side. {_AGAIN} {_STAYS}",
    errors.SettingsError: lambda e, _: f"The setting {code(e.name)} cannot work: {e.problem}.",
    errors.SettingMissing: lambda e, _: f"The setting {code(e.name)} is missing: {e.problem}.",
    errors.SettingsFileError: lambda e, _: f"{e.problem[0].upper()}{e.problem[1:]}: {e.fix}.",
    errors.SecretError: lambda e, _: f"That cannot be a token: {e.problem}. Copy it again, whole and alone.",
    errors.CipherError: f"Something stored for this place could not be decrypted, so I did not use it. {_OPERATOR}",
    errors.KeyringError: lambda e, _: f"The keys of this installation cannot be used: {e.problem}.",
    errors.UnknownKey: lambda e, _: (
        f"Something stored for this place was encrypted under the key {code(e.key_id)}, which I do not have. "
        "Whoever runs this bot can add that key to `ASKREPO_SECRET_KEYS` again."
    ),
    errors.Tampered: (
        "Something stored for this place was changed, or belongs to another place, so I did not use it. " + _OPERATOR
    ),
    errors.DatabaseError: f"My database has a problem. {_OPERATOR}",
    errors.DatabaseUnavailable: f"I cannot reach my database just now. {_LATER}",
    errors.LineFull: f"More questions wait than I can answer just now, so I did not take this one. {_LATER}",
    errors.DatabaseUnreadable: f"I cannot use my database. {_OPERATOR}",
    errors.DatabaseTooNew: (
        "The database was written by a newer version of askrepo, and I changed nothing in it. Please update askrepo."
    ),
    errors.BackupError: lambda e, _: f"Nothing was backed up: {e.problem}.",
    errors.RepositoryNameError: lambda e, _: (
        f"{code(e.given)} names no repository: {e.problem}. Write it like {code(e.example)}."
        if e.given.strip()
        else f"Say which repository you mean, such as {code(e.example)}."
    ),
    errors.RepositoryPathError: lambda e, _: f"{code(e.path)} {e.problem}.",
    errors.MappingError: "No repository could be chosen here. `/askrepo why` shows how I choose.",
    errors.NoDefault: (
        "In direct messages I answer about this workspace's default repository, and it has none yet. Somebody who may "
        "manage the workspace can set it. Until then, ask in a channel where a repository is mapped."
    ),
    errors.NotMapped: (f"No repository is mapped here yet. {_MANAGER} can map one with `/askrepo map owner/name`."),
    errors.UnknownAlias: _unknown_alias,
    errors.BadAlias: lambda e, _: (
        f"{code(e.alias) if e.alias.strip() else 'Nothing'} cannot be an alias. Use up to 32 of the letters a to z, "
        "digits and hyphens, not beginning with a hyphen, such as `web`."
    ),
    errors.AliasTaken: lambda e, _: (
        f"The alias {code(e.alias)} already names {code(e.repository)} here. Choose another, or run "
        f"{code('/askrepo unmap ' + e.repository)} first."
    ),
    errors.NotMappedHere: lambda e, _: (
        f"{code(e.repository)} is not mapped here. {_MANAGER} can map it with "
        f"{code('/askrepo map ' + e.repository)}; `/askrepo list` shows what is mapped."
    ),
    errors.NothingAsked: lambda e, _: (
        f"You named {code(e.repository)} and asked nothing. Write your question behind it."
    ),
    errors.SeveralMapped: lambda e, _: (
        f"Several repositories are mapped here: {codes(e.repositories)}. Say which one you mean, such as "
        f"{code('/askrepo unmap ' + e.repositories[0])}."
    ),
    errors.MappingGone: _gone,
    errors.FormGone: "This form has expired. Close it and open a new one.",
    errors.TokenGone: (
        "The token of this channel was changed just now, so I did not send your question. Please ask again."
    ),
    errors.NoTokenNeeded: (
        "The built-in service answers here, and needs no token. To use another service, set `ASKREPO_CHAT_URL`, then "
        "try again."
    ),
    errors.TokenForElsewhere: _elsewhere,
    errors.AccessError: f"You may not ask here. {_MANAGER} can see why with `/askrepo settings`.",
    errors.GuestsNotAllowed: (
        f"Guests may not ask in this channel. {_MANAGER} can allow guests with `/askrepo settings`."
    ),
    errors.OutsidersNotAllowed: (
        f"People of other organisations may not ask in this channel. {_MANAGER} can allow it with `/askrepo settings`."
    ),
    errors.AccessUnknown: (
        f"I could not find out whether you may ask here, or who reads along, so I did not answer. {_AGAIN} {_STAYS}"
    ),
    errors.AudienceWidened: (
        "More people can read this channel than when its repository was mapped, so I answer nothing here for now. "
        f"{_MANAGER} can confirm it by mapping the repository again with `/askrepo map owner/name`."
    ),
    errors.Declined: f"I did not look at this question. {_AGAIN}",
    errors.TooLate: (
        "I was away for too long to answer this while you were waiting, so I left it. Ask again if you still want to "
        "know."
    ),
    errors.NoRoom: f"Too many questions were waiting, so I had to leave this one out. {_LATER}",
    errors.TooManyAsked: _too_many,
    errors.BadPreference: lambda e, _: f"The {e.name} cannot be saved: it {e.problem}. Change it and try again.",
    errors.AllowanceSpent: lambda e, _: (
        "So much is being written in this workspace that the chat platform takes nothing of mine for "
        f"{duration(e.seconds)}. {_LATER}"
    ),
    ChatError: f"The service did not answer. {_AGAIN}",
    errors.TokenRefused: (
        f"The service refused the token used for this channel. {_MANAGER} can replace it with `/askrepo token set`."
    ),
    errors.TokenWanted: (
        "The service wants a token, and none is set for this channel. "
        f"{_MANAGER} can set one with `/askrepo token set`."
    ),
    errors.UnknownModel: _unknown_model,
    errors.UnknownRepository: _unknown_repository,
    errors.RepositoryIndexing: _indexing,
    errors.ConversationTooLong: (
        "This is too long for the service, even without the earlier conversation. Ask a shorter question, or start a "
        "new thread."
    ),
    errors.RateLimited: _rate_limited,
    errors.BadRequest: f"The service did not accept the question. Ask in other words. {_STAYS}",
    errors.ServiceUnavailable: _unavailable,
    errors.RepositoryAway: _away,
    errors.RepositoryUnreadable: _unreadable,
    errors.RepositoryTooLarge: _too_large,
    errors.NoGit: f"The embedded `/chat` needs git, which is not installed where it runs. {_OPERATOR}",
    errors.CacheUnusable: f"The embedded `/chat` cannot use the folder that it clones into. {_OPERATOR}",
    errors.ChatTimeout: _timeout,
    errors.UnusableAnswer: f"The service sent something that is no answer. {_AGAIN}",
    errors.BrokenOff: f"The connection to the service ended too early. {_AGAIN}",
    errors.DeliveryError: f"The chat platform did not show my message. {_AGAIN}",
    errors.PlaceGone: _place_gone,
    errors.PostUnknown: (
        "I was interrupted, and cannot look whether my answer is here already. So that it does not stand twice, I did "
        "not post it again. If you see none, please ask again."
    ),
    errors.DeliveryFailed: f"The chat platform did not take my message this time. {_AGAIN}",
    errors.PostGone: f"My message was deleted. {_AGAIN}",
    errors.NotAttached: f"I may not attach files here. {_AGAIN}",
    errors.NotYet: lambda e, _: f"The chat platform takes no more messages now. Please wait {duration(e.seconds)}.",
    errors.PlatformAway: f"The chat platform cannot be reached just now. {_LATER}",
    errors.DeliveryUncertain: (
        "I cannot tell whether my message arrived: the chat platform's reply was lost. If it did not, please ask again."
    ),
    errors.GaveUp: f"I tried to answer this several times and failed each time. {_LATER}",
    errors.LeaseLost: "Another worker answers this question now; please wait for its answer.",
    errors.ServerError: lambda e, _: (
        f"Cannot listen on {code(e.address)}: {e.problem}. Choose another port or address."
    ),
}


def switched(repository: str) -> str:
    """Below an answer: the thread goes on with another repository."""
    return f"This thread is about {code(repository)} from here on."


def stopped() -> str:
    """Below what had come when the asker stopped the answer."""
    return "Stopped, as you asked."


def question_deleted() -> str:
    """Below what had come when the question was deleted."""
    return "Stopped, because the question was deleted."


def ended_early(reason: str | None) -> str:
    """Below an answer that the service itself cut short (`length`, `content_filter`); empty for any other reason."""
    return {
        "length": "**The answer is cut off here**: it reached the service's limit. Ask for the rest if you need it.",
        "content_filter": "**The answer is cut off here** by the service's content filter. Ask in other words.",
    }.get(reason or "", "")


def waiting(reason: str, seconds: float) -> str:
    """While a question waits to be sent again: why, and for how long."""
    why = {
        "rate limited": "The service is getting too many questions just now",
        "indexing": "The repository is still being indexed",
    }.get(reason, "The service cannot be reached just now")
    return f"{why}; I will try again in {duration(seconds)}."


def place_in_line(number: int) -> str:
    """While a question waits to be answered at all: how many are before it, itself counted."""
    if number == 1:
        return "Your question is the next in line; I will answer it as soon as I can."
    return f"Your question is number {number} in line; I will answer it as soon as I can."


def shortened(dropped: int) -> str:
    """Below an answer given without the oldest turns of the conversation."""
    turns = "oldest turn was" if dropped == 1 else f"oldest {dropped} turns were"
    return f"This conversation had grown too long for the service, so its {turns} left out."


def thread_cut() -> str:
    """Below an answer to a question asked late in a thread, not all of whose posts were taken into account."""
    return "I read only the newest posts of this thread."


def thread_unfinished() -> str:
    """Below an answer to a question asked late in a thread, whose beginning alone was read."""
    return "This thread is longer than what I can read at once, so I do not know its latest posts."


def thread_unread() -> str:
    """Below an answer to a question asked late in a thread that could not be read at all."""
    return "I could not read the earlier posts of this thread."


def files_skipped(names: Sequence[str]) -> str:
    """Below an answer given without some of the files that came with the question; "" is a file without a name."""
    known = [name for name in names if name]
    which = codes(known) if known else f"{len(names)} of the files"
    return f"I did not read {which}: I take text files of moderate size, ten at most."
