"""Where git may connect to: to a host's addresses as they were looked up once and found public, and nowhere else.

Whoever maps a channel names the host, and must not reach through this machine what only this machine can reach. So a
host with any address inside is refused as if it were not there, unless the operator has named it. Where a proxy leads
outside, it alone looks up names and connects, and which addresses it refuses is for its own rules to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from core import logs
from core.localchat.git import Cause, GitFailed

PORTS = {"http": 80, "https": 443}
PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})  # and in capitals

_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # the last 32 bits are the address of a host that has only IPv4

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Route:
    """The way to one host: through `proxy`, or, where that is empty, as the `options` of git say."""

    proxy: str = ""
    options: tuple[str, ...] = ()


async def looked_up(host: str) -> Collection[str]:
    """The addresses of a host, none if it has no or cannot be found.

    In a thread of its own: a name server that takes its time delays nobody else, and not the end of the process.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Collection[str]] = loop.create_future()

    def tell(addresses: Collection[str]) -> None:
        if not found.done():
            found.set_result(addresses)

    def look() -> None:
        addresses: set[str] = set()
        with contextlib.suppress(OSError, UnicodeError):
            addresses = {str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(tell, addresses)

    Thread(target=look, daemon=True).start()
    return await found


class Hosts:
    """Says how a host is reached; those in `private` may have any address. `look_up` exists for tests."""

    def __init__(
        self, private: Collection[str] = (), *, look_up: Callable[[str], Awaitable[Collection[str]]] = looked_up
    ) -> None:
        self._private = frozenset(private)
        self._look_up = look_up

    async def route(self, url: str) -> Route:
        """The way to the host of a URL. Raises GitFailed: NOT_FOUND where it must not be reached, or AWAY."""
        parts = urlsplit(url)
        host = parts.hostname
        if host is None or parts.scheme not in PORTS:
            return Route()  # it is none of the protocols that git may use, and git refuses it
        if proxy := _proxy(parts.scheme, host):
            return Route(proxy=proxy)
        addresses = sorted(await self._look_up(host))
        if not addresses:
            raise GitFailed(Cause.AWAY)
        if host not in self._private and not all(map(is_public, addresses)):
            log.warning("host not at a public address", host=host, setting="ASKREPO_CLONE_HOSTS")
            raise GitFailed(Cause.NOT_FOUND)  # in the words for one that is not there: what is inside is not told
        there = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
        return Route(options=("-c", f"http.curloptResolve={host}:{port(url)}:{there}"))


def port(url: str) -> int | None:
    """Where the URL's host is asked."""
    parts = urlsplit(url)
    return parts.port or PORTS.get(parts.scheme)


def is_public(address: str) -> bool:
    """Whether an address is one of the Internet: not of this machine, of a network inside, or of many hosts."""
    found: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(found, IPv6Address) and found in _NAT64:
        found = IPv4Address(int(found) & 0xFFFF_FFFF)
    if isinstance(found, IPv6Address):
        return found in _UNICAST and found.is_global and found.sixtofour is None
    return found.is_global and not found.is_multicast


def _proxy(scheme: str, host: str) -> str:
    """The proxy that the environment names for this host."""
    proxies = getproxies_environment()
    proxy = proxies.get(scheme) or proxies.get("all", "")
    return "" if not proxy or proxy_bypass(host) else proxy
