"""Addresses of services, as what stored tokens are bound to."""

from __future__ import annotations

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def canonical(origin: str) -> str:
    """The same service in one spelling: case of the host, default port and final slash do not count."""
    parts = urlsplit(origin)
    if parts.scheme not in _PORTS or parts.hostname is None:
        return origin
    port = "" if parts.port in {None, _PORTS[parts.scheme]} else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"
