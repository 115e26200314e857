"""Clones connect to public addresses, to those that were looked at, and to what the operator named."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.errors import RepositoryAway, UnknownRepository
from core.localchat.clones import Clones
from core.localchat.hosts import PROXIES, Hosts, is_public, looked_up
from core.localchat.threads import Threads
from tests.localchat.githost import GitHost, hosting

SHOP, OTHER = "shop.example.org", "other.example.org"  # known to nobody but the tests' look-ups


@pytest.fixture(autouse=True)
def without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may have one."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
async def host(shop: Path) -> AsyncIterator[GitHost]:
    async with hosting(shop) as opened:
        yield opened


def leading(**addresses: Collection[str]) -> Callable[[str], Awaitable[Collection[str]]]:
    """A look-up of hosts by their first word, to be made once for each."""

    async def look_up(host: str) -> Collection[str]:
        return addresses[host.partition(".")[0]]

    return look_up


def clones(host: GitHost, folder: Path, hosts: Hosts, path: str = "o/n") -> Clones:
    port = urlsplit(host.url).port
    url = f"http://{SHOP}:{port}/{path}"
    return Clones(folder, Threads(2), url=lambda _: url, protocols=frozenset({"http"}), hosts=hosts)


@pytest.mark.parametrize(
    "addresses",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.0.1", "198.18.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::8.8.8.8",
        "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001::1", "2001:db8::1",
        "2002:a00:1::", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1",
    ],
)  # fmt: skip
async def test_a_host_inside_is_not_spoken_to(addresses: str, host: GitHost, tmp_path: Path) -> None:
    assert not is_public(addresses)
    hosts = Hosts({OTHER}, look_up=leading(shop=["8.8.8.8", addresses]))
    with pytest.raises(UnknownRepository, match="it was not found, or is not public"):
        await clones(host, tmp_path, hosts).current("example.org/o/n")
    assert host.requests == []


@pytest.mark.parametrize("address", ["8.8.8.8", "140.82.121.3", "2606:50c0:8000::153", "64:ff9b::808:808"])
def test_a_public_address(address: str) -> None:
    assert is_public(address)


async def test_git_connects_to_what_was_looked_at_and_asks_no_name_server(host: GitHost, tmp_path: Path) -> None:
    hosts = Hosts({SHOP}, look_up=leading(shop=["127.0.0.1", "::1"]))
    folder, _ = await clones(host, tmp_path, hosts).current("example.org/o/n")
    assert folder.is_dir()
    assert f"host: {SHOP}" in host.heads[0]


async def test_a_host_without_address_is_away(host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RepositoryAway):
        await clones(host, tmp_path, Hosts(look_up=leading(shop=[]))).current("example.org/o/n")
    assert "127.0.0.1" in await looked_up("127.0.0.1")

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert await looked_up("nowhere.invalid") == set()


async def test_a_redirect_leads_no_further_than_a_name_does(host: GitHost, shop: Path, tmp_path: Path) -> None:
    hosts = Hosts({SHOP}, look_up=leading(shop=["127.0.0.1"], other=["127.0.0.1"]))
    port = urlsplit(host.url).port
    async with hosting(shop) as inside:
        for moved in (
            f"http://{OTHER}:{port}",
            inside.url,
            inside.url.replace("127.0.0.1", SHOP),
            inside.url.replace("127.0.0.1", f"{SHOP}:{port}@127.0.0.1"),
            inside.url.replace("127.0.0.1", "localhost"),
            f"http://{SHOP}:99999",
            f"http://{SHOP}:{port}/login?then=",
        ):
            host.moved = moved
            with pytest.raises(UnknownRepository):
                await clones(host, tmp_path, hosts, "old/o/n").current("example.org/o/n")
        assert inside.requests == []
    assert all("/old/" in request for request in host.requests)


@pytest.mark.parametrize("there", [SHOP, OTHER])
async def test_a_renamed_repository_is_found(host: GitHost, tmp_path: Path, there: str) -> None:
    hosts = Hosts({SHOP, OTHER}, look_up=leading(shop=["127.0.0.1"], other=["127.0.0.1"]))
    host.moved = f"http://{there}:{urlsplit(host.url).port}/new"
    folder, _ = await clones(host, tmp_path, hosts, "old/o/n").current("example.org/o/n")
    assert folder.is_dir()
    assert f"host: {there}" in host.heads[-1]


async def test_redirects_have_an_end(host: GitHost, tmp_path: Path) -> None:
    host.moved = f"http://{SHOP}:{urlsplit(host.url).port}/old"
    with pytest.raises(UnknownRepository):
        await clones(host, tmp_path, Hosts({SHOP}, look_up=leading(shop=["127.0.0.1"])), "old/o/n").current("x.org/o/n")


async def test_a_proxy_looks_up_for_itself(host: GitHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", host.url)
    folder, _ = await clones(host, tmp_path / "1", Hosts(look_up=leading())).current("example.org/o/n")
    assert folder.is_dir()
    assert host.requests[0].startswith(f"GET http://{SHOP}")
    monkeypatch.setenv("NO_PROXY", "other.org example.org")  # to curl this is two names
    await clones(host, tmp_path / "as-we-read-it", Hosts(look_up=leading())).current("example.org/o/n")
    monkeypatch.setenv("NO_PROXY", "other.org, example.org")
    asked = len(host.requests)
    with pytest.raises(UnknownRepository):
        await clones(host, tmp_path / "2", Hosts(look_up=leading(shop=["127.0.0.1"]))).current("example.org/o/n")
    assert len(host.requests) == asked
    hosts = Hosts({SHOP}, look_up=leading(shop=["127.0.0.1"]))
    await clones(host, tmp_path / "3", hosts).current("example.org/o/n")
    assert host.requests[asked].startswith("GET /o/n/info/refs")
