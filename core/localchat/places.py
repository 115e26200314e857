"""Where a repository lies on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.errors import RepositoryPathError
from core.localchat import git, names
from core.localchat.git import Cause

_PROBLEMS = {
    Cause.FOREIGN: "belongs to another user, so git refuses to read it; "
    "`git config --global --add safe.directory` with this folder allows it",
    Cause.NO_REPOSITORY: "is not inside a git repository",
    Cause.EMPTY: "has no commit yet",
}
_ASKED = ("--is-bare-repository", "--is-inside-git-dir", "--absolute-git-dir", "--show-cdup")  # cdup: not where bare


@dataclass(frozen=True, slots=True)
class Place:
    """A repository at its present commit. `folder` is its working tree, or its git folder where it is bare."""

    folder: Path
    commit: str
    bare: bool


def locate(path: Path) -> Place:
    """The repository around `path`. Blocking, a few milliseconds. Raises RepositoryPathError or git.GitMissing."""
    path = Path(os.path.expanduser(path))  # noqa: PTH111 - of no such user, it stays as it is
    _check(path)
    try:
        told = git.line(["rev-parse", *_ASKED, "HEAD^{commit}"], folder=path).split("\n")
    except git.GitFailed as failure:
        problem = _PROBLEMS.get(failure.cause, "could not be read by git")
        raise RepositoryPathError(str(path), problem) from None
    bare, inside, *folders, commit = told
    if bare == "true":
        return Place(Path("\n".join(folders)), commit, bare=True)
    if inside == "true":
        raise RepositoryPathError(str(path), "is a repository's own .git folder; give the folder around it")
    return Place(Path(os.path.realpath(path / folders[-1])), commit, bare=False)


def revisit(folder: Path) -> Place:
    """The repository that was located at this very folder. Blocking and raising as `locate`.

    Whose `.git` has gone, as a submodule's goes when it is put away, must not be taken for the repository around it:
    that one may hold what the askers must not read.
    """
    place = locate(folder)
    if place.folder != folder:
        raise RepositoryPathError(str(folder), "is no repository of its own any more")
    return place


def origin(folder: Path) -> str | None:
    """The canonical name of the `origin` remote, None where there is none or it names no such repository."""
    try:
        return names.of_remote(git.line(["remote", "get-url", "origin"], folder=folder))
    except git.GitFailed:
        return None


def _check(path: Path) -> None:
    try:
        exists, is_folder = path.exists(), path.is_dir()
    except OSError:
        raise RepositoryPathError(str(path), "cannot be opened") from None
    if not exists:
        raise RepositoryPathError(str(path), "does not exist")
    if not is_folder:
        raise RepositoryPathError(str(path), "is no folder")
