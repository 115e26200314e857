"""Clones over real HTTP: whole or not at all, anonymous, bounded."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import httpx
import pytest

from core.chat.contract import Message
from core.errors import (
    CacheUnusable,
    NoGit,
    RepositoryAway,
    RepositoryTooLarge,
    RepositoryUnreadable,
    UnknownRepository,
)
from core.localchat.answering import Answering
from core.localchat.app import Desk
from core.localchat.clones import Clones, EmptyRepository
from core.localchat.hosts import Hosts
from core.localchat.indexes import Indexes
from core.localchat.repos import Repositories
from core.localchat.server import desk_open, serving
from core.localchat.threads import Threads
from core.localchat.transfer import Limits, size
from core.localchat.turns import Turns
from tests.localchat.asking import Asker, check
from tests.localchat.githost import GitHost, hosting
from tests.localchat.repository import commit, git, write

NAME = "example.org/o/n"
HTTP = frozenset({"http"})
HERE = Hosts({"127.0.0.1"})


@pytest.fixture
async def host(shop: Path) -> AsyncIterator[GitHost]:
    async with hosting(shop) as opened:
        yield opened


def clones(host: GitHost, folder: Path, **options: object) -> Clones:
    url = f"{host.url}/{{}}".format
    return Clones(folder, Threads(2), url=url, protocols=HTTP, hosts=HERE, **options)  # type: ignore[arg-type]


def left_over(folder: Path) -> list[Path]:
    """What a stopped transfer left behind."""
    return [path for path in folder.rglob("*") if path.name.startswith(".incoming-")]


async def test_a_public_repository_is_cloned_once_and_answered(host: GitHost, shop: Path, tmp_path: Path) -> None:
    repositories = Repositories(
        tmp_path / "cache", hosts=HERE, clone_url=lambda name: f"{host.url}/{name}", protocols=HTTP
    )
    async with serving(repositories, token=None) as url, httpx.AsyncClient() as client:
        asker = Asker(client, url, NAME)
        answers = await asyncio.gather(*(asker.answer("How is the price with tax computed?") for _ in range(3)))
        asked = len(host.requests)
        answers.append(await asker.answer("who calls retry_call?"))
    assert len(host.requests) == asked, "a fresh clone asks nobody"
    assert sum("POST" in request for request in host.requests) <= 2, "one fetch: negotiation and pack"
    head = git(shop, "rev-parse", "HEAD").decode().strip()
    assert all(f"`{NAME}` at `{head[:7]}`" in answer for answer in answers)
    assert all(check(answer, shop) for answer in answers)
    (clone,) = (tmp_path / "cache" / "clones" / "example.org+o+n").iterdir()
    assert clone.name == f"{head}.git"
    assert list((clone / "hooks").iterdir()) == [] if (clone / "hooks").exists() else True
    assert git(clone, "rev-list", "--all", "--count").strip() == b"1"
    assert left_over(tmp_path) == []


async def test_a_stale_clone_is_refreshed_and_survives_its_host(host: GitHost, shop: Path, tmp_path: Path) -> None:
    repository = clones(host, tmp_path, fresh_seconds=0)
    _, first = await repository.current(NAME)
    fetches = len(host.requests)
    assert (await repository.current(NAME))[1] == first
    assert not any("POST" in request for request in host.requests[fetches:]), "an unchanged one is not fetched again"
    write(shop, {"new.py": "new = 1\n"})
    second = commit(shop)
    assert (await repository.current(NAME))[1] == second
    host.status = 503
    folder, commit_ = await repository.current(NAME)
    assert commit_ == second
    assert folder.is_dir()
    host.status = 404
    with pytest.raises(UnknownRepository):  # withdrawn: what is no longer public is no longer shown
        await repository.current(NAME)


@pytest.mark.parametrize("lost", ["HEAD", "objects", "objects/pack/*.pack", "objects/pack/*.idx", "*"])
@pytest.mark.parametrize("fresh_seconds", [0, 600])
async def test_a_damaged_clone_is_made_anew(
    host: GitHost, shop: Path, tmp_path: Path, lost: str, fresh_seconds: float
) -> None:
    have = await clones(host, tmp_path).current(NAME)
    for path in have[0].glob(lost):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert await clones(host, tmp_path, fresh_seconds=fresh_seconds).current(NAME) == have
    assert git(have[0], "show", f"{have[1]}:shop/prices.py") == (shop / "shop/prices.py").read_bytes()
    asked = len(host.requests)
    assert await clones(host, tmp_path).current(NAME) == have
    assert len(host.requests) == asked, "once"


async def test_a_clone_used_in_the_future_is_neither_fresh_nor_the_newest(
    host: GitHost, shop: Path, tmp_path: Path
) -> None:
    repository, known = clones(host, tmp_path), [git(shop, "rev-parse", "HEAD").decode().strip()]
    for number in range(3):
        folder, found = await repository.current(NAME)
        assert found == known[-1]
        future = time.time() + 86_400
        os.utime(folder, (future, future))
        write(shop, {"new.py": f"new = {number}\n"})
        known.append(commit(shop))
    assert (await repository.current(NAME))[1] == known[3]
    asked = len(host.requests)
    assert (await repository.current(NAME))[1] == known[3]
    assert len(host.requests) == asked, "that one is fresh"


async def test_a_clone_is_kept_where_the_clock_of_its_disk_is_ahead(
    host: GitHost, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = time.time
    monkeypatch.setattr(time, "time", lambda: here() - 60)
    for number in range(3):
        write(shop, {"new.py": f"new = {number}\n"})
        commit(shop)
        folder, _ = await clones(host, tmp_path).current(NAME)
        assert folder.is_dir()
        os.utime(folder, (1, 1))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, UnknownRepository),
        (401, UnknownRepository),
        (403, UnknownRepository),
        (500, RepositoryAway),
        (503, RepositoryAway),
    ],
)
async def test_a_host_that_refuses(host: GitHost, tmp_path: Path, status: int, error: type[Exception]) -> None:
    host.status = status
    with pytest.raises(error) as caught:
        await clones(host, tmp_path).current(NAME)
    assert host.url not in str(caught.value)
    assert left_over(tmp_path) == []


async def test_a_host_that_is_away_or_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    async with hosting(tmp_path / "empty") as host:
        with pytest.raises(EmptyRepository):
            await clones(host, tmp_path / "cache").current(NAME)
    with pytest.raises(RepositoryAway):  # it has just closed
        await clones(host, tmp_path / "cache").current(NAME)
    assert left_over(tmp_path) == []


async def test_a_machine_that_lacks_what_a_clone_needs(
    host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheUnusable):
        await clones(host, tmp_path / "file" / "cache").current(NAME)
    have = await clones(host, tmp_path / "cache").current(NAME)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoGit):
        await clones(host, tmp_path / "other").current(NAME)
    assert await clones(host, tmp_path / "cache", fresh_seconds=0).current(NAME) == have


async def test_a_clone_that_can_only_be_read_answers_while_it_can_not_be_refreshed(
    host: GitHost, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = clones(host, tmp_path / "cache", fresh_seconds=0)
    have = await repository.current(NAME)

    def refuse(path: object, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    for writing in ("mkdir", "rename", "utime"):  # root may do all this in a folder without the permission to
        monkeypatch.setattr(os, writing, refuse)
    assert await repository.current(NAME) == have
    write(shop, {"prices.py": "new = 1\n"})
    commit(shop)
    assert await repository.current(NAME) == have
    with pytest.raises(CacheUnusable):
        await repository.current("example.org/o/other")


async def test_a_clone_has_limits(host: GitHost, shop: Path, tmp_path: Path) -> None:
    write(shop, {"noise.bin": os.urandom(300_000)})
    commit(shop)
    with pytest.raises(RepositoryTooLarge):
        await clones(host, tmp_path / "small", limits=Limits(octets=100_000)).current(NAME)
    host.hang_after = 1_000
    with pytest.raises(RepositoryTooLarge):
        await clones(host, tmp_path / "slow", limits=Limits(seconds=1)).current(NAME)
    assert left_over(tmp_path) == []


async def test_a_small_pack_that_fills_the_memory_is_refused(host: GitHost, shop: Path, tmp_path: Path) -> None:
    limits = Limits(memory=4 << 20)
    write(shop, {"zeros.bin": bytes(16 << 20)})  # a few kilobytes in the pack
    commit(shop)
    await clones(host, tmp_path / "file", limits=limits).current(NAME)
    write(tmp_path, {"message": " x" * (8 << 20)})
    git(shop, "commit", "--quiet", "--allow-empty", f"--file={tmp_path / 'message'}")
    with pytest.raises(RepositoryTooLarge):
        await clones(host, tmp_path / "message-of-a-commit", limits=limits).current(NAME)
    assert left_over(tmp_path) == []


async def test_the_disk_is_never_filled(host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    have = await clones(host, tmp_path).current(NAME)
    full = clones(host, tmp_path, fresh_seconds=0, limits=Limits(free=1 << 60))
    asked = len(host.requests)
    with pytest.raises(CacheUnusable):
        await full.current("example.org/o/other")
    assert len(host.requests) == asked
    assert await full.current(NAME) == have

    host.hang_after = 1_000
    filling = asyncio.create_task(clones(host, tmp_path).current("example.org/o/other"))
    await host.hanging.wait()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(CacheUnusable):
        async with asyncio.timeout(20):
            await filling
    assert left_over(tmp_path) == []


async def test_clones_share_a_limit(host: GitHost, shop: Path, tmp_path: Path) -> None:
    write(shop, {"noise.bin": os.urandom(300_000)})
    commit(shop)
    cache = tmp_path / "cache"
    repository = clones(host, cache, octets=1_000_000)
    for number in range(4):
        folder, _ = await repository.current(f"example.org/o/{number}")
        os.utime(folder, (number + 1, number + 1))
    assert {path.name for path in cache.iterdir()} == {f"example.org+o+{number}" for number in (1, 2, 3)}
    folder, _ = await clones(host, cache, octets=1).current(NAME)
    assert folder.is_dir(), "whatever its size"
    assert [path.name for path in cache.iterdir()] == ["example.org+o+n"]


async def test_clones_leave_half_of_a_small_disk(
    host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = await clones(host, tmp_path / "cache").current("example.org/o/1")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=size(one)))
    two, _ = await clones(host, tmp_path / "cache", limits=Limits(free=0)).current("example.org/o/2")
    assert two.is_dir()
    assert not one.exists()


async def test_a_repository_found_too_large_is_not_cloned_at_each_question(host: GitHost, tmp_path: Path) -> None:
    host.hang_after = 1_000
    repository = clones(host, tmp_path, limits=Limits(seconds=1))
    for _ in range(2):
        with pytest.raises(RepositoryTooLarge):
            await repository.current(NAME)
    assert sum("info/refs" in request for request in host.requests) == 1


async def test_a_protocol_that_is_not_allowed_is_not_spoken(host: GitHost, shop: Path, tmp_path: Path) -> None:
    for url in (f"{host.url}/o/n", f"file://{shop}", "ext::sh -c true", f"{shop}"):
        with pytest.raises(RepositoryUnreadable):
            await Clones(tmp_path, Threads(2), url=lambda name, url=url: url, hosts=HERE).current(NAME)  # type: ignore[misc]
    assert host.requests == []


async def test_the_operators_credentials_are_not_used(
    host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, config = tmp_path / "home", "[http]\n\textraHeader = X-Operator: me\n"
    write(home, {".gitconfig": config, "xdg/git/config": config, ".netrc": "machine 127.0.0.1 login me password x\n"})
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'http.extraHeader=X-Operator: me'")
    host.status = 401
    with pytest.raises(UnknownRepository):
        await clones(host, tmp_path / "cache").current(NAME)
    (head,) = host.heads  # not tried again with a password
    assert "x-operator" not in head
    assert "authorization" not in head


async def test_a_clone_goes_on_when_its_asker_has_gone(host: GitHost, tmp_path: Path) -> None:
    host.hang_after = 1_000
    repository = clones(host, tmp_path / "cache")
    first = asyncio.create_task(repository.current(NAME))
    await host.hanging.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.create_task(repository.current(NAME))
    host.released.set()
    assert (await second)[0].is_dir()
    assert sum("info/refs" in request for request in host.requests) == 1, "joined, not begun again"


async def test_slow_hosts_do_not_hold_up_what_is_cloned(host: GitHost, shop: Path, tmp_path: Path) -> None:
    repository = clones(host, tmp_path, fresh_seconds=0)
    have = await repository.current(NAME)
    write(shop, {"new.py": "new = 1\n"})
    newer = commit(shop)
    host.hang_after = 1_000
    slow = [f"{number}.slow{number // 4}.org/o/n" for number in range(16)]
    clogging = [asyncio.create_task(repository.current(name)) for name in slow]
    fetched = sum(f"POST /{NAME}/" in request for request in host.requests)
    async with asyncio.timeout(30):
        await host.asked("POST", 16)
        assert await repository.current(NAME) == have
        host.hang_after = None
        host.released.set()
        await host.asked(f"POST /{NAME}/", fetched + 1)  # in its turn, whether anybody asks again or not
        await asyncio.gather(*clogging)
        assert (await repository.current(NAME))[1] == newer


async def test_nobody_has_every_turn() -> None:
    turns = Turns(4, of_one=1)
    async with turns.of("a.slow.org/o/n"), turns.of("github.com/slow/n"), asyncio.timeout(10):
        async with turns.of("github.com/o/n"), turns.of("slow.com/o/n"):
            pass
        for name in ("b.slow.org/p/n", "github.com/Slow/m"):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), turns.of(name):
                    pass
    async with asyncio.timeout(10), turns.of("b.slow.org/p/n"):
        pass


async def test_a_clone_that_takes_long_is_told_about_and_found_done_later(host: GitHost, tmp_path: Path) -> None:
    host.hang_after = 1_000
    repositories = Repositories(
        tmp_path / "cache", hosts=HERE, clone_url=lambda name: f"{host.url}/{name}", protocols=HTTP
    )
    hasty, patient = Answering(repositories, Indexes(), patience=0.01), Answering(repositories, Indexes())
    desks = [Desk(one.answer, token=None) for one in (hasty, patient)]
    async with (
        desk_open(desks[0], host="127.0.0.1", port=0) as soon,
        desk_open(desks[1], host="127.0.0.1", port=0) as late,
        httpx.AsyncClient() as client,
    ):
        told = await Asker(client, soon, NAME).post("where is the tax?")
        assert (told.status_code, told.json()["error"]["code"]) == (409, "repository_indexing")
        await host.hanging.wait()
        host.released.set()
        assert "gross_price" in await Asker(client, late, NAME).answer("where is the tax?")
    assert sum("info/refs" in request for request in host.requests) == 1
    await hasty.close()
    await patient.close()


async def test_the_threads_that_look_up_names_are_left_alone(host: GitHost, tmp_path: Path) -> None:
    repositories = Repositories(
        tmp_path / "cache", hosts=HERE, clone_url=lambda name: f"{host.url}/{name}", protocols=HTTP
    )
    answering, go = Answering(repositories, Indexes()), Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    held = loop.run_in_executor(None, go.wait)
    try:
        async with asyncio.timeout(30):  # or a failing test would never end
            assert "gross_price" in await answering.answer(NAME, [Message(role="user", content="where is the tax?")])
    finally:
        go.set()
        await held
        await answering.close()


async def test_a_clone_ends_with_the_server_and_leaves_nothing(host: GitHost, tmp_path: Path) -> None:
    host.hang_after = 1_000
    repositories = Repositories(
        tmp_path / "cache", hosts=HERE, clone_url=lambda name: f"{host.url}/{name}", protocols=HTTP
    )
    async with asyncio.timeout(20):  # left alone, git would give up after 30 seconds
        async with serving(repositories, token=None) as url, httpx.AsyncClient() as client:
            asking = asyncio.create_task(Asker(client, url, NAME).post("where is the tax?"))
            await host.hanging.wait()
            assert left_over(tmp_path)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
    assert left_over(tmp_path) == []


CLONE = """
import asyncio, sys
from pathlib import Path
from core.localchat.clones import Clones
from core.localchat.hosts import Hosts
from core.localchat.threads import Threads

cache, url = Path(sys.argv[1]), sys.argv[2]
hosts = Hosts({"127.0.0.1"})
clones = Clones(cache, Threads(2), url=lambda name: url, protocols=frozenset({"http"}), hosts=hosts, fresh_seconds=0)
asyncio.run(clones.current("example.org/o/n"))
"""


async def test_a_process_killed_in_the_middle_leaves_no_half_clone(host: GitHost, shop: Path, tmp_path: Path) -> None:
    host.hang_after = 1_000
    cache = tmp_path / "cache"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLONE, str(cache), f"{host.url}/o/n", cwd=Path(__file__).parents[2]
    )
    await host.hanging.wait()
    process.kill()
    assert await process.wait() == -signal.SIGKILL
    (half,) = left_over(cache)
    host.hang_after = None
    folder, commit_ = await clones(host, cache).current(NAME)
    assert commit_ == git(shop, "rev-parse", "HEAD").decode().strip()
    assert git(folder, "cat-file", "-t", commit_).strip() == b"commit"
    assert half.is_dir(), "another process could still be filling it"
    os.utime(half, (0, 0))
    write(shop, {"new.py": "new = 1\n"})
    commit(shop)
    await clones(host, cache, fresh_seconds=0).current(NAME)
    assert not half.exists(), "a day later nobody is"


KILLED_REMOVING = """
import os, signal, sys

removed = []


def watch(event, arguments):
    if event == "os.remove":
        removed.append(arguments)
        if len(removed) == 2:
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(watch)
"""


async def test_a_process_killed_while_it_removes_a_clone_leaves_no_half_of_it(
    host: GitHost, shop: Path, tmp_path: Path
) -> None:
    cache, known = tmp_path / "cache", []
    for number in range(3):
        write(shop, {"new.py": f"new = {number}\n"})
        known.append(commit(shop))
        if number < 2:
            await clones(host, cache, fresh_seconds=0).current(NAME)
    os.utime(cache / "example.org+o+n" / f"{known[0]}.git", (0, 0))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_REMOVING + CLONE, str(cache), f"{host.url}/o/n", cwd=Path(__file__).parents[2]
    )
    assert await process.wait() == -signal.SIGKILL
    assert {path.stem for path in (cache / "example.org+o+n").iterdir()} == set(known[1:])
    assert list(cache.glob(".outgoing-*"))
    write(shop, {"new.py": "new = 3\n"})
    commit(shop)
    await clones(host, cache, fresh_seconds=0).current(NAME)
    assert list(cache.glob(".outgoing-*")) == []
