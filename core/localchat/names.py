"""The names under which /chat is asked for a repository."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import RepositoryNameError
from core.repositories import parse

EXAMPLE = "github.com/owner/name"
HOST = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"  # a name, never an address
LOCAL = "local"  # the host of working copies without a recognisable origin; no real host lacks a dot

_LONGEST = 300
_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.][A-Za-z0-9._-]{0,99}"
_NAME = re.compile(rf"(?:{HOST}|{LOCAL})(?:/{_SEGMENT}){{2,8}}", re.ASCII)
_SCP = re.compile(r"(?:[A-Za-z0-9_.-]+@)?[A-Za-z0-9.-]+:(?!/)(?P<path>[^\s:]+)", re.ASCII)


def check(name: str) -> str:
    """The canonical form of `host/owner/name`. Raises RepositoryNameError for anything else.

    The pattern admits no `..`, scheme, port, IP address, white space or leading dash, so that a checked name is safe
    as part of a path and of a URL.
    """
    host, slash, rest = name.partition("/")
    canonical = f"{host.lower()}{slash}{rest}"
    if len(name) > _LONGEST or not _NAME.fullmatch(canonical):
        raise RepositoryNameError(name[:80], "it is not of the form host/owner/name", EXAMPLE)
    if canonical.endswith(".git"):
        raise RepositoryNameError(name[:80], "it ends in .git, which is no part of a name", EXAMPLE)
    return canonical


def of_remote(url: str) -> str | None:
    """The name behind an https or ssh clone URL, None where it is neither or names no such repository.

    It is the one that a channel is mapped to where the URL is pasted.
    """
    url = url.strip()
    if "://" in url:
        try:
            parts = urlsplit(url)
            port, path = parts.port, parts.path
        except ValueError:
            return None
        usable = parts.scheme in {"ssh", "git+ssh"} or (parts.scheme == "https" and port in {None, 443})
    else:
        match = _SCP.fullmatch(url)
        path, usable = (match["path"], True) if match else ("", False)
    if not usable:
        return None
    try:
        name = check(parse(url))
    except RepositoryNameError:
        return None
    whole = name.partition("/")[2] == path.strip("/").removesuffix(".git")
    return name if whole else None  # else the path goes on below the repository, or is understood otherwise


def of_folder(folder: Path) -> str:
    """`local/<parent>/<folder>` for a working copy without a recognisable origin."""
    return f"{LOCAL}/{_segment(folder.parent.name)}/{_segment(folder.name.removesuffix('.git'))}"


def _segment(text: str) -> str:
    cleaned = re.sub(r"[^A-Za-z0-9._-]", "-", text)[:90].lstrip("-").removesuffix(".git")
    return cleaned if cleaned.strip(".") else "folder"
