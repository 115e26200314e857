"""Every failure askrepo tells somebody about. Foreign exceptions are translated where the library is called.

    AskrepoError
    ├── SettingsError               a setting that cannot work
    │   ├── SettingMissing          one that is needed and not set
    │   └── SettingsFileError       the file `.env` itself
    ├── SecretError                 a secret that cannot be used as one
    ├── CipherError
    │   ├── KeyringError            the key ring itself is unusable
    │   ├── UnknownKey              encrypted under a key that is not in the ring
    │   └── Tampered                the ciphertext is damaged or belongs to another row
    ├── DatabaseError
    │   ├── DatabaseUnavailable     away, refused, or timed out: worth another try
    │   │   └── LineFull            more questions wait than can be answered in time
    │   ├── DatabaseUnreadable      no database of ours, damaged, or not permitted
    │   └── DatabaseTooNew          written by a newer askrepo
    ├── BackupError                 the database could not be copied
    ├── RepositoryNameError         nothing that names a repository
    ├── RepositoryPathError         a folder that is no usable git repository
    ├── MappingError
    │   ├── NotMapped               no rule of the choosing order named a repository
    │   ├── NoDefault               the same in a direct message, where only a default could
    │   ├── UnknownAlias            an alias that names nothing here
    │   ├── BadAlias                a text that cannot be an alias
    │   ├── AliasTaken              the alias already names another repository here
    │   ├── NotMappedHere           a repository named outright that is not mapped here
    │   ├── NothingAsked            a repository was named with `in:…`, and nothing asked about it
    │   ├── SeveralMapped           `unmap` alone, where several repositories are mapped
    │   ├── MappingGone             the thread's repository is no longer mapped, or suspended
    │   ├── TokenGone               the token was removed or replaced after it had been chosen
    │   ├── NoTokenNeeded           the embedded /chat takes no stored token
    │   └── TokenForElsewhere       the token was entered for another /chat service
    ├── AccessError
    │   ├── GuestsNotAllowed        a guest asked where no admin allowed guests
    │   ├── OutsidersNotAllowed     somebody of another organisation asked where no admin allowed them
    │   ├── AccessUnknown           who asks, or who reads along, could not be found out
    │   └── AudienceWidened         more people can read the channel than when it was mapped
    ├── Declined                    a question that is refused without being looked at
    │   ├── NoRoom                  more questions waited than can be answered in time
    │   ├── TooLate                 nobody came to it while an answer was still expected
    │   └── TooManyAsked            a person, a channel, a workspace or a token has had its share
    ├── BadPreference               something that cannot be set for a channel
    ├── FormGone                    a form that was sent already, or is too old
    ├── AllowanceSpent              the next call a platform allows is further ahead than wanted
    ├── ChatError                   the /chat service; see ChatError for its branches
    ├── DeliveryError
    │   ├── PlaceGone               the place cannot be written to any more
    │   │   └── PostUnknown         nor read, so nobody can know whether a post stands there
    │   ├── NotYet                  the platform's pace does not allow it yet
    │   ├── PostGone                a post that was there cannot be changed any more
    │   ├── NotAttached             the platform takes no file in this place
    │   └── DeliveryFailed          the platform did not take it this time
    │       ├── DeliveryUncertain   it may have taken it: its reply was lost
    │       └── PlatformAway        it cannot be reached at all
    ├── GaveUp                      a turn that failed too often
    ├── LeaseLost                   another worker answers this turn now
    └── ServerError                 a server of ours cannot start (port in use, bad address)

One tree in one place, however long. The words for people stand in wording.py; a message given here is for logs and
holds no secret.
"""

from __future__ import annotations

from enum import StrEnum


class AskrepoError(Exception):
    """Root of all errors of ours. Its text is safe to log."""


class SettingsError(AskrepoError):
    """A setting that cannot work. `name` is the environment variable, `problem` a sentence without its value."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem


class SettingMissing(SettingsError):
    """A setting that is needed and not set; `problem` says what for."""


class SettingsFileError(SettingsError):
    """The file `.env` cannot be read as settings. `problem` names what is wrong in it, `fix` what to do."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(".env", problem)
        self.fix = fix


class SecretError(AskrepoError):
    """A text that cannot be a token. `problem` says why, never what it was."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class CipherError(AskrepoError):
    """Something stored could not be encrypted or decrypted. Never answered by a fallback."""


class KeyringError(CipherError):
    """ASKREPO_SECRET_KEYS, or the key file, is unusable. `problem` holds no key material."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class UnknownKey(CipherError):
    """The row was encrypted under a key that is not in the ring. `key_id` is that key's public id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"key {key_id} is not in the key ring")
        self.key_id = key_id


class Tampered(CipherError):
    """The ciphertext was changed, cut, or moved here from another row."""


class DatabaseError(AskrepoError):
    """The database. `where` names it without user name or password."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


class DatabaseUnavailable(DatabaseError):
    """Away, refused, locked or timed out: the same call may succeed later."""


class LineFull(DatabaseUnavailable):
    """More questions wait than can be answered in time: nothing was stored, and the platform may send it again."""


class DatabaseUnreadable(DatabaseError):
    """Not a database of ours, damaged, or not permitted: another try does not help."""


class DatabaseTooNew(DatabaseError):
    """Its schema was written by a newer askrepo. Nothing was changed."""


class BackupError(AskrepoError):
    """No copy of the database was made. `problem` says why, and what to do instead."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class RepositoryNameError(AskrepoError):
    """A text that names no repository. `given` is what was written (shortened), `example` what would work."""

    def __init__(self, given: str, problem: str, example: str) -> None:
        super().__init__(problem)
        self.given = given
        self.problem = problem
        self.example = example


class RepositoryPathError(AskrepoError):
    """A folder that cannot be used as a repository. `problem` completes the sentence '<path> …'."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self.problem = problem


class MappingError(AskrepoError):
    """No repository could be chosen, or a mapping could not be made."""


class NotMapped(MappingError):
    """No rule of the choosing order named a repository for this place."""


class NoDefault(MappingError):
    """A direct message names no repository, and its workspace has no default."""


class UnknownAlias(MappingError):
    """An alias names no mapping of this channel. `known` lists what would; `inline`: it was written as `in:alias`."""

    def __init__(self, alias: str, known: tuple[str, ...], *, inline: bool = True) -> None:
        super().__init__("unknown alias")
        self.alias = alias
        self.known = known
        self.inline = inline


class BadAlias(MappingError):
    """A text that cannot be an alias. `alias` is what was written (shortened)."""

    def __init__(self, alias: str) -> None:
        super().__init__("bad alias")
        self.alias = alias


class AliasTaken(MappingError):
    """The alias already names another repository in this channel."""

    def __init__(self, alias: str, repository: str) -> None:
        super().__init__("alias taken")
        self.alias = alias
        self.repository = repository


class MappingGone(MappingError):
    """The repository this thread began with is no longer mapped here, or its mapping is suspended."""

    def __init__(self, repository: str, *, suspended: bool) -> None:
        super().__init__("suspended" if suspended else "unmapped")
        self.repository = repository
        self.suspended = suspended


class NotMappedHere(MappingError):
    """`repository` was named outright, and is neither mapped in this channel nor a default."""

    def __init__(self, repository: str) -> None:
        super().__init__("not mapped here")
        self.repository = repository


class NothingAsked(MappingError):
    """`repository` was named with `in:…`, and nothing was asked about it."""

    def __init__(self, repository: str) -> None:
        super().__init__("nothing asked")
        self.repository = repository


class SeveralMapped(MappingError):
    """A single mapping was meant, and this channel has several: `repositories`."""

    def __init__(self, repositories: tuple[str, ...]) -> None:
        super().__init__("several mappings")
        self.repositories = repositories


class TokenGone(MappingError):
    """The token chosen for this question has been removed or replaced since. No other one is sent in its stead."""


class NoTokenNeeded(MappingError):
    """The embedded /chat answers here, and no stored token is ever sent to it."""


class TokenForElsewhere(MappingError):
    """The token was entered for another /chat service than the one configured now, and is not sent to it."""

    def __init__(self, label: str) -> None:
        super().__init__("token of another service")
        self.label = label


class AccessError(AskrepoError):
    """Whoever asked may not ask here, or nobody may just now."""


class GuestsNotAllowed(AccessError):
    """A guest of the workspace asked in a channel where no admin allowed guests."""


class OutsidersNotAllowed(AccessError):
    """Somebody of another organisation asked in a channel where no admin allowed them."""


class AccessUnknown(AccessError):
    """How the asker stands to the workspace, or who can read the channel, could not be found out: denied."""


class AudienceWidened(AccessError):
    """More people can read the channel than when it was mapped, and no admin has confirmed it since."""


class FormGone(AskrepoError):
    """A form that was sent already, or whose time is over. Nothing was done."""


class Declined(AskrepoError):
    """A question that is refused without being looked at. It can be asked again."""


class TooLate(Declined):
    """Nobody came to it while an answer was still expected."""


class NoRoom(Declined):
    """More questions waited than could be answered in time, each time that the platform sent it."""


class Level(StrEnum):
    """Whose share of questions is limited."""

    PERSON = "person"
    CHANNEL = "channel"
    WORKSPACE = "workspace"
    TOKEN = "token"  # noqa: S105 - a level's name


class TooManyAsked(Declined):
    """More was asked than a share allows. `seconds` is how long until it takes questions again."""

    def __init__(self, level: Level, seconds: float) -> None:
        super().__init__(f"{level}: nothing for another {seconds:.0f} s")
        self.level = level
        self.seconds = seconds


class BadPreference(AskrepoError):
    """Something that cannot be set for a channel. `name` says what, `problem` completes the sentence 'it …'."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem


class AllowanceSpent(AskrepoError):
    """The next call that a platform allows in a workspace is free in `seconds` only; nothing was reserved."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"{name}: nothing free for {seconds:g} s")
        self.name = name
        self.seconds = seconds


class ChatError(AskrepoError):
    """The /chat service did not give a whole answer.

    `partial` is the text that had arrived (empty if none). `detail` is for logs: a status or a short reason of
    ours, never a body of the service, a URL or a token. Branches:

        TokenRefused (and below it TokenWanted), UnknownModel, UnknownRepository, RepositoryIndexing,
        ConversationTooLong, RateLimited, BadRequest, ServiceUnavailable, ChatTimeout, UnusableAnswer, BrokenOff

    and what only the embedded /chat says of itself:

        RepositoryAway and RepositoryUnreadable (both ServiceUnavailable), RepositoryTooLarge, NoGit, CacheUnusable
    """

    def __init__(self, detail: str = "", *, partial: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.partial = partial


class TokenRefused(ChatError):
    """401 or 403: the token is wrong, or has no access to this repository. Not retried."""


class TokenWanted(TokenRefused):
    """401 or 403 where no token was sent. Not retried."""


class UnknownModel(ChatError):
    """404 for the model named in the request. Not retried."""


class UnknownRepository(ChatError):
    """404 for the repository named in the request. Not retried."""


class RepositoryIndexing(ChatError):
    """409: the repository is still being indexed. One slow retry, then told."""


class ConversationTooLong(ChatError):
    """413, or the context is too long: fewer turns may fit."""


class RateLimited(ChatError):
    """429. `retry_after` is what the service asked for, in seconds, or None."""

    def __init__(self, detail: str = "", *, retry_after: float | None = None, partial: str = "") -> None:
        super().__init__(detail, partial=partial)
        self.retry_after = retry_after


class BadRequest(ChatError):
    """400, 422 or another 4xx: the service does not take this request. Not retried."""


class ServiceUnavailable(ChatError):
    """5xx, refused, reset or TLS failure before the first text. `retry_after` in seconds where one was sent."""

    def __init__(self, detail: str = "", *, retry_after: float | None = None, partial: str = "") -> None:
        super().__init__(detail, partial=partial)
        self.retry_after = retry_after


class RepositoryAway(ServiceUnavailable):
    """The repository could not be fetched, because its host could not be reached."""


class RepositoryUnreadable(ServiceUnavailable):
    """Git could not fetch or read the repository, and nothing better is known."""


class RepositoryTooLarge(ChatError):
    """It exceeds a limit: the clone's size, the time for it, or the length of the list of its files. Not retried."""


class NoGit(ChatError):
    """Git is not installed where the embedded /chat runs. Not retried."""


class CacheUnusable(ChatError):
    """The embedded /chat cannot read or write the folder of its clones. Not retried."""


class Deadline(StrEnum):
    """The four deadlines of one request to /chat."""

    CONNECT = "connect"
    FIRST_TOKEN = "first token"  # noqa: S105 - a deadline's name
    SILENCE = "silence"
    TOTAL = "total"


class ChatTimeout(ChatError):
    """One of our deadlines passed; `deadline` says which, `seconds` how long it was."""

    def __init__(self, deadline: Deadline, seconds: float, *, partial: str = "") -> None:
        super().__init__(f"{deadline} deadline of {seconds:g} s", partial=partial)
        self.deadline = deadline
        self.seconds = seconds


class UnusableAnswer(ChatError):
    """The service answered 200 or a redirect with something that is no answer (HTML, nothing, too large)."""


class BrokenOff(ChatError):
    """The answer ended before its end; `partial` holds what came."""


class DeliveryError(AskrepoError):
    """A platform did not show what it was given."""


class Gone(StrEnum):
    """Why a place cannot be written to, where the platform says it."""

    LEFT = "left"  # or anything else
    DELETED = "deleted"
    ARCHIVED = "archived"
    LOCKED = "locked"
    CLOSED = "closed"  # it takes no posts of ours, whoever invites us
    FULL = "full"  # it takes no more threads
    PERMISSION = "permission"


class PlaceGone(DeliveryError):
    """The place cannot be written to any more (left, archived, deleted, closed).

    `permission` is the platform's name for what we would need there, "" where that is not known.
    """

    def __init__(self, detail: str = "", *, gone: Gone = Gone.LEFT, permission: str = "") -> None:
        super().__init__(detail)
        self.gone = gone
        self.permission = permission


class PostUnknown(PlaceGone):
    """Whether a post of ours stands there cannot be found out: it is not posted again, lest it stand twice."""


class NotYet(DeliveryError):
    """The platform's pace does not allow it yet; nothing was sent. `seconds` is how long to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not for another {seconds:.1f} s")
        self.seconds = seconds


class PostGone(DeliveryError):
    """A post that was there cannot be changed any more: what it should show needs a new one."""


class NotAttached(DeliveryError):
    """The platform takes no file in this place."""


class DeliveryFailed(DeliveryError):
    """The platform did not take it this time."""


class PlatformAway(DeliveryFailed):
    """The platform cannot be reached, or does not work at all: nobody's fault, and worth waiting for."""


class DeliveryUncertain(DeliveryFailed):
    """The platform may have taken it, but its reply was lost: whoever posts again has to look first."""


class GaveUp(AskrepoError):
    """Every attempt to answer this turn crashed or failed; it is not tried again by itself."""


class LeaseLost(AskrepoError):
    """Another worker answers this turn now, or its lease is too short to act safely: do nothing visible."""


class ServerError(AskrepoError):
    """A server of ours cannot start. `problem` completes the sentence 'cannot listen on <address>: …'."""

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(f"{address}: {problem}")
        self.address = address
        self.problem = problem
