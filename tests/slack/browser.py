"""A browser as far as installing needs one: it keeps cookies by their rules, follows nothing, and reads the button."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie

import httpx


@dataclass
class Browser:
    """One person's. `shows` is the address people type; requests go to the server behind it."""

    client: httpx.AsyncClient
    shows: str
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    async def opens(self, url: str, method: str = "GET", data: dict[str, str] | None = None) -> httpx.Response:
        """Ask for a page of ours."""
        path = url.removeprefix(self.shows)
        headers = self.headers | {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        reply = await self.client.request(method, path, headers=headers, data=data)
        for line in reply.headers.get_list("set-cookie"):
            self._keep(line)
        return reply

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if name.startswith("__Host-"):
                assert morsel["secure"], line
                assert morsel["path"] == "/", line
                assert not morsel["domain"], line
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


def button(reply: httpx.Response) -> str:
    """Where the page's button leads."""
    found = re.search(r'class="button" href="([^"]+)"', reply.text)
    assert found is not None, reply.text
    return unescape(found[1])
