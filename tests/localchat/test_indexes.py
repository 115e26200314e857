"""Indexes: built once for all who ask, bounded, stopped when nobody waits; the same however they came about."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from threading import Event

import pytest

from core.chat.contract import Message
from core.errors import RepositoryTooLarge, RepositoryUnreadable
from core.localchat import building, listing, places
from core.localchat.answers import answer
from core.localchat.building import BuildStopped
from core.localchat.index import Index
from core.localchat.indexes import Indexes
from core.localchat.listing import Listing, Skip
from tests.localchat.repository import SHOP, bomb, commit, git, make, write


class Builder:
    """The real build, which waits until it is let go and counts."""

    def __init__(self) -> None:
        self.builds = 0
        self.go = Event()
        self.started = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, listed: Listing, previous: Index | None, stop: Event) -> Index:
        self.builds += 1
        self._loop.call_soon_threadsafe(self.started.set)
        for _ in range(3_000):  # or a failing test would never end
            if self.go.wait(0.01) or stop.is_set():
                break
        return building.build(listed, previous, stop)


def built(top: Path, previous: Index | None = None) -> Index:
    return building.build(listing.of(places.locate(top)), previous, Event())


async def test_first_questions_at_the_same_time_build_once(shop: Path) -> None:
    builder = Builder()
    indexes = Indexes(build=builder)
    asking = [asyncio.create_task(indexes.of("a", places.locate(shop))) for _ in range(8)]
    await builder.started.wait()
    builder.go.set()
    found = await asyncio.gather(*asking)
    assert len({id(index) for index in found}) == 1
    assert await indexes.of("a", places.locate(shop)) is found[0]
    assert builder.builds == 1
    write(shop, {"shop/prices.py": "# changed\n"})
    assert await indexes.of("a", places.locate(shop)) is not found[0]
    assert builder.builds == 2
    await indexes.close()


async def test_a_build_goes_on_when_its_asker_has_gone(shop: Path) -> None:
    builder = Builder()
    indexes = Indexes(build=builder)
    first = asyncio.create_task(indexes.of("a", places.locate(shop)))
    await builder.started.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.create_task(indexes.of("a", places.locate(shop)))
    builder.go.set()
    assert (await second).size.files
    assert builder.builds == 1
    await indexes.close()


async def test_closing_stops_builds(shop: Path) -> None:
    builder = Builder()
    indexes = Indexes(build=builder)
    asking = asyncio.create_task(indexes.of("a", places.locate(shop)))
    await builder.started.wait()
    await indexes.close()
    with pytest.raises(BuildStopped):
        await asking


async def test_the_least_recently_used_index_goes_first(tmp_path: Path) -> None:
    tops = {name: make(tmp_path / name, {f"{name}.py": f"{name} = 1\n"}) for name in "abc"}
    builder = Builder()
    builder.go.set()
    indexes = Indexes(kept=2, build=builder)
    for name, builds in [("a", 1), ("b", 2), ("a", 2), ("c", 3), ("a", 3), ("b", 4)]:
        await indexes.of(name, places.locate(tops[name]))
        assert builder.builds == builds
    await indexes.close()


async def test_a_repository_that_vanishes_while_it_is_read(shop: Path, tmp_path: Path) -> None:
    place = places.locate(shop)
    shop.rename(tmp_path / "elsewhere")
    with pytest.raises(RepositoryUnreadable):
        await Indexes().of("a", place)


def test_an_index_continued_from_an_older_one_is_the_same_as_a_new_one(tmp_path: Path) -> None:
    top = make(tmp_path / "top", SHOP)
    old = built(top)
    (top / "shop/retry.py").unlink()
    write(top, {"shop/prices.py": "def vat(net):\n    return net\n", "shop/new.py": "def brand_new(): ...\n"})
    write(top, {"logo.png": b"\0\0"})
    git(top, "add", "--all")
    continued, fresh = built(top, old), built(top)
    for question in ("vat", "retry_call", "brand new", "who calls retry_call?", "price", "what is in the logo?"):
        asked = [Message(role="user", content=question)]
        assert answer("a/b/c", continued, asked) == answer("a/b/c", fresh, asked)
    assert continued.size == fresh.size
    assert continued.skipped() == fresh.skipped()
    assert old.lines("shop/retry.py"), "the older one is still whole"


def test_a_bare_repository_reads_the_same_as_its_working_tree(tmp_path: Path) -> None:
    top = make(tmp_path / "top", SHOP | {"z/binary": b"\0", "z/ü.py": "ü = 1\r\n", "z/large.txt": b"x\n" * 600_000})
    git(tmp_path, "clone", "--quiet", "--bare", str(top), str(tmp_path / "bare.git"))
    tree, bare = built(top), built(tmp_path / "bare.git")
    assert tree.paths() == bare.paths()
    assert all(tree.lines(path) == bare.lines(path) for path in tree.paths())
    assert tree.skipped() == bare.skipped()
    assert not tree.changed
    assert not bare.changed


def test_what_a_bare_repository_lacks_is_not_read(tmp_path: Path) -> None:
    top = make(tmp_path / "top", {"a.py": "a = 1\n", "b.py": "b = 1\n"})
    blob = git(top, "rev-parse", "HEAD:a.py").decode().strip()
    (top / ".git/objects" / blob[:2] / blob[2:]).unlink()
    (top / ".git").rename(tmp_path / "bare.git")
    git(tmp_path / "bare.git", "config", "core.bare", "true")
    index = built(tmp_path / "bare.git")
    assert index.paths() == ["b.py"]
    assert index.skipped() == [("a.py", Skip.GONE)]
    assert not index.changed, "nothing here can be uncommitted"


WRAPPER = """#!/bin/sh
case "$*" in
  *ls-tree*) echo listed >>{runs}; {git} "$@" | tee -a {octets} ;;
  *) exec {git} "$@" ;;
esac
"""


async def test_a_small_commit_with_files_without_end_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = bomb(tmp_path / "bomb.git")
    wrapper, runs, octets = (tmp_path / name for name in ("bin/git", "runs", "octets"))
    write(tmp_path, {"bin/git": WRAPPER.format(git=shutil.which("git"), runs=runs, octets=octets)})
    wrapper.chmod(0o700)
    monkeypatch.setenv("PATH", str(wrapper.parent), prepend=os.pathsep)
    indexes, place = Indexes(), places.locate(top)
    asked = await asyncio.gather(*(indexes.of("a", place) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in asked] == [RepositoryTooLarge] * 3
    assert octets.stat().st_size < listing.MOST_LISTED_OCTETS + (2 << 20), "git was read little further than the limit"
    assert runs.read_text().split() == ["listed"], "once for all"
    await indexes.close()


MIXED: dict[str, str | bytes] = {
    "a.py": "a = 1\n",
    "picture.dat": b"\x00\x01",
    "huge.txt": b"word\n" * 300_000,
    "yarn.lock": "x\n",
    "go.sum": "x\n",
    "app.min.js": "x\n",
    "bundle.js": "var a;" * 2_000,
    "utf16.txt": "\ufeffwide text\n".encode("utf-16-le"),
    "new\nline.py": "a = 1\n",
    "bell\a.py": "a = 1\n",
}


def test_what_is_not_read_and_why(tmp_path: Path) -> None:
    top = make(tmp_path / "top", MIXED)
    (top / os.fsdecode(b"caf\xe9.py")).write_text("a = 1\n")
    (top / "link").symlink_to("a.py")
    module = make(tmp_path / "module", {"m.py": "m = 1\n"})
    git(top, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(module), "module")
    commit(top)
    (top / "vanished.py").write_text("v = 1\n")
    git(top, "add", "vanished.py")
    (top / "vanished.py").unlink()
    index = built(top)
    assert dict(index.skipped()) == {
        "picture.dat": Skip.BINARY,
        "huge.txt": Skip.LARGE,
        "yarn.lock": Skip.LOCK,
        "go.sum": Skip.LOCK,
        "app.min.js": Skip.MINIFIED,
        "bundle.js": Skip.MINIFIED,
        "new\\nline.py": Skip.NAME,
        "bell\\x07.py": Skip.NAME,
        "caf\\udce9.py": Skip.NAME,
        "link": Skip.LINK,
        "module": Skip.SUBMODULE,
        "vanished.py": Skip.GONE,
    }
    assert index.paths() == [".gitmodules", "a.py", "utf16.txt"]
    assert index.lines("utf16.txt") == ["wide text"]
    assert index.changed


def test_a_pipe_in_the_place_of_a_file_does_not_hang_us(tmp_path: Path) -> None:
    top = make(tmp_path / "top", {"a.py": "a = 1\n", "b.py": "b = 1\n"})
    (top / "a.py").unlink()
    os.mkfifo(top / "a.py")
    assert built(top).skipped() == [("a.py", Skip.GONE)]
    listed = listing.of(places.locate(make(tmp_path / "later", {"a.py": "a = 1\n"})))
    (tmp_path / "later/a.py").unlink()
    os.mkfifo(tmp_path / "later/a.py")
    assert building.build(listed, None, Event()).skipped() == [("a.py", Skip.GONE)]


def test_a_stopped_build_stops(shop: Path) -> None:
    stop = Event()
    stop.set()
    with pytest.raises(BuildStopped):
        building.build(listing.of(places.locate(shop)), None, stop)
