"""DATABASE_URL: every spelling that hosters hand out, as an address our drivers take."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from core.errors import SettingsError
from core.secret import Secret
from core.sqlite import DRIVER

_SPELLINGS = {"ssl": "sslmode"}  # SQLAlchemy's examples for asyncpg have it so
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS, without what asyncpg reads from an
# address, and what a server takes as a setting
_LIBPQ_ALONE = frozenset(
    {
        "channel_binding",
        "connect_timeout",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "require_auth",
        "requirepeer",
        "requiressl",
        "sslcertmode",
        "sslcompression",
        "sslcrldir",
        "sslnegotiation",
        "sslsni",
        "tcp_user_timeout",
    }
)


def parse_url(url: Secret) -> URL:
    """DATABASE_URL as SQLAlchemy's URL with our driver. `postgres://` is accepted. Raises SettingsError."""
    parsed = _parsed(url.reveal())
    if parsed is None:
        raise SettingsError(
            "DATABASE_URL",
            "it is not a database address; write it like postgresql://user:password@host/name or sqlite:///askrepo.db",
        )
    backend = parsed.drivername.split("+", 1)[0]
    if backend in {"postgres", "postgresql"}:
        if not parsed.database:
            raise SettingsError(
                "DATABASE_URL", "it names no database; write it like postgresql://user:password@host/name"
            )
        if "@" in f"{parsed.host}{parsed.database}":  # a piece of the password would be shown as a name
            raise SettingsError("DATABASE_URL", "its user name or password holds / or @; write them as %2F and %40")
        return parsed.set(drivername="postgresql+asyncpg")
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise SettingsError("DATABASE_URL", "it names no file; write it like sqlite:////var/lib/askrepo/askrepo.db")
        return parsed.set(drivername=f"sqlite+{DRIVER}")
    raise SettingsError("DATABASE_URL", f"'{backend}' is not supported; use postgresql:// or sqlite:///")


def sqlite_file(url: Secret) -> Path | None:
    """SQLite's file; None with PostgreSQL. Raises SettingsError."""
    parsed = parse_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def _parsed(text: str) -> URL | None:
    """None where asyncpg could do nothing with it: what it raises then is no error of a database, and may quote it."""
    with suppress(ArgumentError, ValueError):  # UnicodeError is one
        parsed = make_url(text)
        urlsplit(parsed.render_as_string(hide_password=False)).port  # noqa: B018 - looked at only when it is read
        for host in (parsed.host or "").split(","):
            if "%" not in host:  # else it is the path of a socket, %2Fvar%2Frun
                host.encode("idna")
        return parsed
    return None


def libpq(url: URL) -> str:
    """A PostgreSQL address as libpq and asyncpg read it, password included.

    Without what libpq alone knows: asyncpg would send it to the server as a setting, which refuses it.
    """
    query = {_SPELLINGS.get(name, name): value for name, value in url.query.items() if name not in _LIBPQ_ALONE}
    return url.set(drivername="postgresql", query=query).render_as_string(hide_password=False)
