"""Registering working copies."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from core.errors import RepositoryNameError, RepositoryPathError, UnknownRepository
from core.localchat import git as our_git
from core.localchat.git import Cause
from core.localchat.repos import Repositories
from tests.localchat.repository import commit, git, make


@pytest.fixture
def repositories(tmp_path: Path) -> Repositories:
    return Repositories(tmp_path / "cache", clone=False)


def test_any_folder_inside_stands_for_its_repository(shop: Path, repositories: Repositories) -> None:
    assert repositories.add(shop / "shop" / "jobs") == "local/acme/shop"
    assert repositories.add(shop) == "local/acme/shop"
    checkout = asyncio.run(repositories.checkout("local/acme/shop"))
    assert checkout.place.folder == shop
    assert checkout.place.commit == git(shop, "rev-parse", "HEAD").decode().strip()


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("https://github.com/Owner/Name.git", "github.com/Owner/Name"),
        ("https://user:secret@GitHub.com/o/n/", "github.com/o/n"),
        ("git@github.com:o/n.git", "github.com/o/n"),
        ("ssh://git@gitlab.example.org:2222/group/sub/n.git", "gitlab.example.org/group/sub/n"),
        ("https://github.com/o/.github", "github.com/o/.github"),
        ("ssh://git@ssh.github.com:443/o/n.git", "github.com/o/n"),
        ("ssh://git@altssh.gitlab.com:443/group/sub/n.git", "gitlab.com/group/sub/n"),
        ("ssh://git@altssh.bitbucket.org:443/o/n.git", "bitbucket.org/o/n"),
        ("git@ssh.github.com:o/n.git", "github.com/o/n"),
        ("https://www.github.com/o/n", "github.com/o/n"),
        ("https://gitlab.com/o/a..b", "local/acme/shop"),
        ("https://github.com/o/n/tree/main", "local/acme/shop"),
        ("git@git.example.org:2222/o/n.git", "local/acme/shop"),
        ("https://git.example.org:8443/o/n", "local/acme/shop"),
        ("http://github.com/o/n", "local/acme/shop"),
        ("/srv/git/n.git", "local/acme/shop"),
        ("../n", "local/acme/shop"),
        ("file:///srv/n.git", "local/acme/shop"),
        ("git@host:n", "local/acme/shop"),
        ("https://[::1/o/n", "local/acme/shop"),
        ("https://github.com/../n", "local/acme/shop"),
    ],
)
def test_the_name_is_the_origins_where_it_has_one(
    shop: Path, repositories: Repositories, remote: str, name: str
) -> None:
    git(shop, "remote", "add", "origin", remote)
    assert repositories.add(shop) == name
    assert asyncio.run(repositories.checkout(name)).place.folder == shop


def test_two_working_copies_never_share_a_name(tmp_path: Path, repositories: Repositories) -> None:
    tops = [make(tmp_path / folder / "my work" / "näme!", {"a": "a"}) for folder in ("one", "two")]
    assert [repositories.add(top) for top in tops] == ["local/my-work/n-me-", "local/my-work/n-me--2"]
    clones = [make(tmp_path / "x" / folder, {"a": "a"}) for folder in ("first", "second")]
    for clone in clones:
        git(clone, "remote", "add", "origin", "https://github.com/o/n")
    assert [repositories.add(clone) for clone in clones] == ["github.com/o/n", "local/x/second"]
    assert [repositories.add(top) for top in tops] == ["local/my-work/n-me-", "local/my-work/n-me--2"]


def test_a_name_is_found_in_any_case(shop: Path, repositories: Repositories) -> None:
    git(shop, "remote", "add", "origin", "https://github.com/Owner/Name")
    repositories.add(shop)
    assert asyncio.run(repositories.checkout("GitHub.com/owner/name")).place.folder == shop


def test_names_given_outright(shop: Path, tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "cache", {"example.org/o/n": shop / "web"}, clone=False)
    assert asyncio.run(repositories.checkout("example.org/o/n")).place.folder == shop
    with pytest.raises(RepositoryNameError):
        Repositories(tmp_path, {"nonsense": shop})
    with pytest.raises(UnknownRepository):
        asyncio.run(repositories.checkout("example.org/o/other"))


def test_a_bare_repository_can_be_registered(shop: Path, tmp_path: Path, repositories: Repositories) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(shop), str(tmp_path / "mirror.git"))
    name = repositories.add(tmp_path / "mirror.git")
    assert name == f"local/{tmp_path.name}/mirror"
    assert asyncio.run(repositories.checkout(name)).place.bare


def test_what_is_no_repository_any_more_is_not_the_one_around_it(
    shop: Path, tmp_path: Path, repositories: Repositories
) -> None:
    module = make(tmp_path / "module", {"m.py": "m = 1\n"})
    git(shop, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(module), "module")
    commit(shop)
    (tmp_path / "link").symlink_to(shop / "module")
    name = repositories.add(tmp_path / "link")
    assert asyncio.run(repositories.checkout(name)).place.folder == shop / "module"
    git(shop, "submodule", "--quiet", "deinit", "--force", "module")
    assert (shop / "module").is_dir()
    with pytest.raises(RepositoryPathError) as caught:
        asyncio.run(repositories.checkout(name))
    assert caught.value.problem == "is no repository of its own any more"
    git(shop, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
    assert asyncio.run(repositories.checkout(name)).place.folder == shop / "module"


def test_unusable_paths_say_why(tmp_path: Path, repositories: Repositories, monkeypatch: pytest.MonkeyPatch) -> None:
    top = make(tmp_path / "top", {"a.py": "a = 1\n"})
    (tmp_path / "plain").mkdir()
    (tmp_path / "unborn").mkdir()
    git(tmp_path / "unborn", "init", "--quiet")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / ".git").write_text("gitdir: /nowhere\n")
    cases = {
        tmp_path / "missing": "does not exist",
        top / "a.py": "is no folder",
        tmp_path / "plain": "is not inside a git repository",
        tmp_path / "unborn": "has no commit yet",
        tmp_path / "damaged": "is not inside a git repository",
        top / ".git": "is a repository's own .git folder; give the folder around it",
        Path("\0"): "does not exist",
        tmp_path / ("n" * 5_000): "cannot be opened",
    }
    for path, problem in cases.items():
        with pytest.raises(RepositoryPathError) as caught:
            repositories.add(path)
        assert caught.value.problem == problem
        assert caught.value.path == str(path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepositoryPathError, match="git is not installed"):
        repositories.add(top)


def test_git_is_not_led_elsewhere_by_the_environment(
    shop: Path, tmp_path: Path, repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make(tmp_path / "other", {"b": "b"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert repositories.add(shop) == "local/acme/shop"


@pytest.mark.parametrize("remote", ["a command", "a command for a folder"])
def test_what_a_repository_lacks_is_not_fetched(shop: Path, repositories: Repositories, remote: str) -> None:
    """Whoever unpacks somebody's archive and asks about it has not agreed to run what its .git/config says."""
    ran = shop / "ran"
    command = shop / "command"
    command.write_text(f"#!/bin/sh\ntouch {ran}\n")
    command.chmod(0o700)
    head = git(shop, "rev-parse", "HEAD").decode().strip()
    (shop / ".git/objects" / head[:2] / head[2:]).unlink()
    configured = {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "protocol.file.allow": "always",
        "protocol.ext.allow": "always",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{command}" if remote == "a command" else str(shop),
        "remote.origin.uploadPack": str(command),
    }
    for name, value in configured.items():
        git(shop, "config", name, value)
    with pytest.raises(RepositoryPathError):
        repositories.add(shop)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("fatal: detected dubious ownership in repository at '/x'", Cause.FOREIGN),
        ("fatal: Needed a single revision", Cause.EMPTY),
        ("fatal: couldn't find remote ref HEAD", Cause.EMPTY),
        ("remote: Not Found\nfatal: repository 'https://x.org/o/n/' not found", Cause.NOT_FOUND),
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", Cause.NOT_FOUND),
        ("fatal: unable to access 'https://x.org/': The requested URL returned error: 403", Cause.NOT_FOUND),
        ("fatal: unable to access 'https://x.org/': The requested URL returned error: 503", Cause.AWAY),
        ("fatal: unable to access 'https://x.org/': The requested URL returned error: 429", Cause.AWAY),
        ("fatal: unable to access 'https://x.org/': Could not resolve host: x.org", Cause.AWAY),
        ("error: RPC failed; curl 28 Operation too slow", Cause.AWAY),
        ("fatal: not a git repository (or any of the parent directories): .git", Cause.NO_REPOSITORY),
        ("fatal: something nobody has seen", Cause.OTHER),
    ],
)
def test_what_git_says_is_understood(said: str, cause: Cause) -> None:
    assert our_git.explain(said) is cause
