"""Names of repositories: what people paste becomes one canonical name, `host/owner/name`.

Upper and lower case are kept, since some services tell names apart by it; `same` compares names the way their host
does. The host is written in full (no IP address, no single word) but for `local`, the console's working copies. A port
stays only where a web address of a host outside the known ones needs it; ports of ssh name no repository.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from core.errors import RepositoryNameError

_LONGEST_PASTED = 2_000  # characters; the longest browser addresses stay below
_LONGEST = 300  # characters of a canonical name
_MOST_SEGMENTS = 8  # GitLab's groups nest

_DEFAULT_HOST = "github.com"
_EXAMPLE = "owner/name"

_TWO_SEGMENTS = {"github.com", "bitbucket.org", "codeberg.org"}  # owner/name, and pages below it
_CASELESS = {*_TWO_SEGMENTS, "gitlab.com"}
_OTHER_NAMES = {  # of the same host
    "ssh.github.com": "github.com",
    "github.dev": "github.com",
    "raw.githubusercontent.com": "github.com",
    "altssh.gitlab.com": "gitlab.com",
    "altssh.bitbucket.org": "bitbucket.org",
}
_GITHUB_PAGE = re.compile(
    "about|apps|collections|contact|copilot|customer-stories|enterprise|events|explore|features|issues|login|"
    "marketplace|new|notifications|organizations|orgs|pricing|pulls|search|security|sessions|settings|site|sponsors|"
    "stars|team|topics|trending|users"
)
# On other hosts: path words that begin a page below a repository. The first set GitLab reserves, so that no group or
# project is called that; the second needs the word after it to be told from a name.
_PAGES = {"-", "tree", "blob", "raw", "blame", "commits", "edit", "wikis"}
_PAGES_BEFORE = {
    "src": re.compile(r"branch|commit|tag"),
    "pull": re.compile(r"\d+"),
    "pulls": re.compile(r"\d+"),
    "issues": re.compile(r"\d+"),
    "releases": re.compile(r"tag"),
    "commit": re.compile(r"[0-9a-f]{7,64}"),
    "compare": re.compile(r".+"),
}

_WEB = {"http": 80, "https": 443, "git+http": 80, "git+https": 443}
_SSH = {"ssh", "git", "git+ssh", "ssh+git"}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{4,253}}\Z)(?:{_LABEL}\.)+(?=[a-z])[a-z0-9-]{{0,61}}[a-z0-9]", re.ASCII)
_SEGMENT = re.compile(r"(?!.*\.\.)(?:[A-Za-z0-9_]|[A-Za-z0-9_.][A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])", re.ASCII)
_GITHUB_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}", re.ASCII)
_WORKING_COPY = re.compile(r"local(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.][A-Za-z0-9._-]{0,99}){2}(?<!\.git)", re.ASCII)
_SCP = re.compile(r"(?P<user>[^\s/@:]+@)?(?P<host>[^\s/@:]+):(?P<path>[^\s:]+)", re.ASCII)
_BEGINS_WITH_PORT = re.compile(r"(?P<port>\d{1,5})/(?P<path>[^/]+/.+)", re.ASCII)
_MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\((\S+)\)")
_UPWARDS = re.compile(r"(?:\A|/)\.\.(?![A-Za-z0-9._-])")
_TOKEN_LIKE = re.compile(r"(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{20,}", re.ASCII)
_AS_FOLDERS = ("/", "./", "~")  # of an owner, none of these is the beginning
_OPENING, _CLOSING = "`'\"“‘„«<([", "`'\"”’“»>)]"
_TRAILING = ".,;:!?…"


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a pasted text points to, before its path is understood."""

    host: str  # with its port, where that matters
    segments: tuple[str, ...]


def parse(text: str) -> str:
    """The canonical name of the repository that a pasted text means.

    Raises RepositoryNameError, whose fields hold no credentials. `parse(parse(text)) == parse(text)`.
    """
    text = text.strip()
    if len(text) > _LONGEST_PASTED:
        raise _refusal(text, f"it is longer than {_LONGEST_PASTED:,} characters")
    if _UPWARDS.search(unquote(unquote(text))):  # also written with percent signs, once or twice over
        raise _refusal(text, "its path holds '..'")
    bare = _unwrapped(text)
    if _WORKING_COPY.fullmatch(bare.removesuffix(".git")):
        return bare.removesuffix(".git")
    if bare.startswith(_AS_FOLDERS):
        raise _refusal(text, "it is a folder; `askrepo chat serve --repo …` serves it, and prints the name to use")
    if not bare:
        raise _refusal(text, "it is empty")
    if not bare.isascii():
        raise _refusal(text, "it holds characters other than plain letters, digits and . _ - /")
    if any(character <= " " or character in "\\\x7f" for character in bare):
        raise _refusal(text, "it holds spaces, backslashes or control characters")
    return _named(text, _address(text, bare))


def parse_given(text: str) -> str | None:
    """As `parse`, where nothing need be named: None for a blank text."""
    return parse(text) if text.strip() else None


def same(one: str, other: str) -> bool:
    """Whether two canonical names mean one repository: without regard to case on hosts that have none."""
    return _key(one) == _key(other)


def _key(name: str) -> str:
    return name.lower() if name.partition("/")[0] in _CASELESS else name


def _unwrapped(text: str) -> str:
    """Without the quotes, brackets and punctuation that surround a name in prose, or a chat's link markup."""
    before = None
    while text != before:
        before = text
        if link := _MARKDOWN_LINK.fullmatch(text):
            text = link[1]
        if text.startswith("<") and text.endswith(">"):
            text = text[1:-1].partition("|")[0]  # Slack's <address|label>
        if _WORKING_COPY.fullmatch(text):
            break
        text = text.strip().lstrip(_OPENING).rstrip(_CLOSING).rstrip(_TRAILING)
    return text


def _address(given: str, text: str) -> _Address:
    text = text.partition("#")[0].partition("?")[0]
    if "://" in text:
        return _of_url(given, text)
    if ":" in text and (address := _of_scp(text)):
        return address
    if "@" in text.partition("/")[0]:
        raise _refusal(given, "it is no address of a repository")
    first, *rest = _segments(text)
    if not rest and _host(first.lower())[0] not in _CASELESS:
        raise _refusal(given, "it is one word; the owner is missing", _example(_DEFAULT_HOST, ("owner", first)))
    if "." in first.rstrip("."):
        return _Address(first.lower(), tuple(rest))
    if len(rest) == 1:
        return _Address(_DEFAULT_HOST, (first, rest[0]))
    raise _refusal(given, "it has too many parts, or lacks the host", _example(_DEFAULT_HOST, (first, *rest)))


def _of_url(given: str, text: str) -> _Address:
    scheme = text.partition("://")[0].lower()
    if scheme not in _WEB and scheme not in _SSH:
        raise _refusal(given, "it is neither an https nor an ssh address")
    try:
        parts = urlsplit(text)
        host, port, path = parts.hostname or "", parts.port, parts.path
    except ValueError:
        host, port, path = "", None, ""
    if not host or port == 0:
        raise _refusal(given, "it is no web address")
    own_port = port if scheme in _WEB and port not in {None, *_WEB.values()} else None
    return _Address(f"{host}:{own_port}" if own_port else host, tuple(_segments(path)))


def _of_scp(text: str) -> _Address | None:
    """The short form of git, user@host:path; without a user, host:8443/owner/name is a web server's port."""
    match = _SCP.fullmatch(text)
    if match is None or "." not in match["host"]:
        return None
    host, path = match["host"].lower(), match["path"]
    if with_port := _BEGINS_WITH_PORT.fullmatch(path):
        path, port = with_port["path"], int(with_port["port"])
        if match["user"] is None and port not in _WEB.values():
            host = f"{host}:{port}"
    return _Address(host, tuple(_segments(path)))


def _named(given: str, address: _Address) -> str:
    """The canonical name at this address. Pages below a repository, `.git` and `www.` are left out."""
    host, port = _host(address.host)
    segments = _of_repository(host, address.segments)
    name = "/".join((host + port, *segments))
    if not _HOST.fullmatch(host) or (port and not 1 <= int(port[1:]) <= 65_535):
        raise _refusal(given, "its host is no full host name such as github.com", _example(_DEFAULT_HOST, segments))
    if len(segments) < 2:
        raise _refusal(given, "it names a host, but not owner and name", _example(host, segments))
    if not all(map(_SEGMENT.fullmatch, segments)):
        raise _refusal(given, "owner and name may hold only letters, digits and . _ -", _example(host, segments))
    if host == _DEFAULT_HOST and not _is_github_owner(segments[0]):
        raise _refusal(given, "GitHub has no owner of that name")
    if len(name) > _LONGEST or len(segments) > _MOST_SEGMENTS:
        raise _refusal(given, "it is too long for the name of a repository")
    return name


def _host(written: str) -> tuple[str, str]:
    """The host as we call it, and its port as ':8443' or nothing."""
    host, colon, port = written.partition(":")
    host = host.rstrip(".")
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    return _OTHER_NAMES.get(host, host), f":{int(port)}" if colon and port.isdecimal() else ""


def _of_repository(host: str, segments: tuple[str, ...]) -> tuple[str, ...]:
    segments = tuple(map(_without_git, segments))
    if host in _TWO_SEGMENTS:
        return segments[:2]
    following = (*segments[1:], "")
    for index in range(2, len(segments)):
        page = _PAGES_BEFORE.get(segments[index])
        if segments[index] in _PAGES or (page is not None and page.fullmatch(following[index])):
            return segments[:index]
    return segments


def _without_git(name: str) -> str:
    while name[-4:].lower() == ".git":
        name = name[:-4]
    return name


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment] or [""]


def _is_github_owner(owner: str) -> bool:
    return bool(_GITHUB_OWNER.fullmatch(owner)) and not _GITHUB_PAGE.fullmatch(owner.lower())


def _refusal(given: str, problem: str, example: str = _EXAMPLE) -> RepositoryNameError:
    return RepositoryNameError(_shown(given), problem, example)


def _shown(given: str) -> str:
    """What may be repeated of a pasted text: no credentials, no query, nothing that looks like a token."""
    kept = given[:_LONGEST_PASTED].rpartition("@")[2].partition("#")[0].partition("?")[0]
    kept = "".join(character if character.isprintable() else " " for character in kept)
    kept = _TOKEN_LIKE.sub("…", kept)
    return kept if len(kept) <= 80 else kept[:80] + "…"


def _example(host: str, segments: tuple[str, ...]) -> str:
    """A name close to what was written: its fit parts stay, others are replaced by words that say what they are."""
    owner, name = (*map(_without_git, segments), "", "")[:2]
    owner = owner if _is_fit(owner) and (host != _DEFAULT_HOST or _is_github_owner(owner)) else "owner"
    short = f"{owner}/{name if _is_fit(name) else 'name'}"
    whole = f"{host}/{short}"
    return whole if host != _DEFAULT_HOST and _HOST.fullmatch(host) and len(whole) <= _LONGEST else short


def _is_fit(segment: str) -> bool:
    return bool(_SEGMENT.fullmatch(segment)) and not _TOKEN_LIKE.search(segment)
