"""DATABASE_URL: every spelling that hosters hand out, as an address our drivers take."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from core.errors import SettingsError
from core.secret import Secret
from core.sqlite import DRIVER


def parse_url(url: Secret) -> URL:
    """DATABASE_URL as SQLAlchemy's URL with our driver. `postgres://` is accepted. Raises SettingsError."""
    text = url.reveal()
    try:
        parsed = make_url(text)
    except (ArgumentError, ValueError):
        raise SettingsError(
            "DATABASE_URL",
            "it is not a database address; write it like postgresql://user:password@host/name or sqlite:///askrepo.db",
        ) from None
    backend = parsed.drivername.split("+", 1)[0]
    if backend in {"postgres", "postgresql"}:
        if not parsed.database:
            raise SettingsError(
                "DATABASE_URL", "it names no database; write it like postgresql://user:password@host/name"
            )
        if "@" in f"{parsed.host}{parsed.database}":  # a piece of the password would be shown as a name
            raise SettingsError("DATABASE_URL", "its user name or password holds / or @; write them as %2F and %40")
        return _without_libpq_names(parsed.set(drivername="postgresql+asyncpg"))
    if backend == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise SettingsError("DATABASE_URL", "it names no file; write it like sqlite:////var/lib/askrepo/askrepo.db")
        return parsed.set(drivername=f"sqlite+{DRIVER}")
    raise SettingsError("DATABASE_URL", f"'{backend}' is not supported; use postgresql:// or sqlite:///")


def _without_libpq_names(url: URL) -> URL:
    """Asyncpg calls libpq's `sslmode` `ssl`; hosters hand out URLs in libpq's words."""
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return url.set(query=query)
