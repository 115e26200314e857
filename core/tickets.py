"""Tickets and passes: something to be used once, by whoever holds the secret, until it expires.

Of a ticket the database holds a digest of the secret and the sealed payload; what was read from it cannot be redeemed.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time

from sqlalchemy import ColumnElement, and_, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.cipher import Cell, Keyring
from core.database import Database, Unit, now_ms
from core.errors import CipherError, FormGone, UnknownKey
from core.secret import Secret
from core.tables import TicketRow

_OCTETS = 32  # of randomness in a secret
_FORGOTTEN = 500  # at a time; on SQLite that takes the event loop some 20 ms


class Tickets:
    """The tickets of this installation. Raises DatabaseError, and CipherError for what does not open."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def issue(self, purpose: str, payload: str, seconds: float) -> Secret:
        """A ticket for `purpose`, good for this long by the database's clock; forgets some that have expired.

        Its secret is 43 characters that a URL takes as they are.
        """
        secret = Secret(secrets.token_urlsafe(_OCTETS))
        ticket = _digest(secret)
        sealed = self._keyring.seal_text(payload, _cell(ticket, purpose))
        expires_at = now_ms() + int(seconds * 1000)

        async def unit(connection: AsyncConnection) -> None:
            await _forget(connection)
            row = {"ticket": ticket, "purpose": purpose, "sealed": sealed, "expires_at": expires_at}
            await connection.execute(insert(TicketRow).values(row))

        await self._database.write(unit)
        return secret

    async def issuable(self) -> None:
        """Raise DatabaseError unless one could be issued now: one is written, and gone before anybody sees it."""
        ticket = _digest(Secret(secrets.token_urlsafe(_OCTETS)))
        row = {"ticket": ticket, "purpose": "", "sealed": b"", "expires_at": 0}

        async def unit(connection: AsyncConnection) -> None:
            await connection.execute(insert(TicketRow).values(row))
            await connection.execute(delete(TicketRow).where(TicketRow.ticket == ticket))

        await self._database.write(unit)

    async def peek(self, purpose: str, secret: Secret) -> str | None:
        """The payload of a ticket that could be redeemed now, without using it up."""
        ticket = _digest(secret)
        async with self._database.reading() as connection:
            sealed = (await connection.execute(select(TicketRow.sealed).where(_good(ticket, purpose)))).scalar()
        return self._opened(sealed, ticket, purpose)

    async def redeem(self, purpose: str, secret: Secret) -> str | None:
        """Use a ticket up: its payload, once. None if it is of another purpose, used, expired or unknown."""
        ticket = _digest(secret)
        statement = delete(TicketRow).where(_good(ticket, purpose)).returning(TicketRow.sealed)

        async def unit(connection: AsyncConnection) -> bytes | None:
            return (await connection.execute(statement)).scalar()

        return self._opened(await self._database.write(unit), ticket, purpose)

    def using_up(self, purpose: str, secret: Secret) -> Unit[None]:
        """A unit that uses a ticket up, for the unit of what it is good for: so both are done, or neither.

        It fails with FormGone where `redeem` returns None.
        """
        used = delete(TicketRow).where(_good(_digest(secret), purpose))

        async def unit(connection: AsyncConnection) -> None:
            if (await connection.execute(used)).rowcount != 1:
                raise FormGone

        return unit

    def _opened(self, sealed: bytes | None, ticket: str, purpose: str) -> str | None:
        """One whose key is gone from the ring is gone with it: nobody keeps an old key for what lasts an hour."""
        try:
            return None if sealed is None else self._keyring.open_text(sealed, _cell(ticket, purpose))
        except UnknownKey:
            return None


class Passes:
    """Tickets for strangers, who can ask for any number: a secret is itself the sealed payload, and nothing is stored.

    The database holds a digest of those that were used, until they expire. Raises DatabaseError.
    """

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def issue(self, purpose: str, payload: str, seconds: float) -> Secret:
        """A pass for `purpose`, good for this long as far as our clock and the database's agree.

        A URL takes its secret as it is: 80 characters, and four for three octets of the payload.
        """
        expires_at = int((time.time() + seconds) * 1000)
        sealed = self._keyring.seal_text(f"{expires_at} {payload}", _pass(purpose))
        return Secret(base64.urlsafe_b64encode(sealed).rstrip(b"=").decode())

    async def peek(self, purpose: str, secret: Secret) -> str | None:
        """The payload of a pass that could be redeemed now, without using it up."""
        if (read := self._read(purpose, secret)) is None:
            return None
        ticket, expires_at, payload = read
        used = select(TicketRow.ticket).where(TicketRow.ticket == ticket).exists()
        async with self._database.reading() as connection:
            good = (await connection.execute(select(~used & (now_ms() < expires_at)))).scalar_one()
        return payload if good else None

    async def redeem(self, purpose: str, secret: Secret) -> str | None:
        """Use a pass up: its payload, once. None if it is of another purpose, used, expired or made up."""
        if (read := self._read(purpose, secret)) is None:
            return None
        ticket, expires_at, payload = read
        row = {"ticket": ticket, "purpose": purpose, "sealed": b"", "expires_at": expires_at}
        using_up = self._database.insert(TicketRow).values(row).on_conflict_do_nothing()

        async def unit(connection: AsyncConnection) -> bool:
            await _forget(connection)
            if (await connection.execute(select(now_ms()))).scalar_one() >= expires_at:
                return False
            return (await connection.execute(using_up)).rowcount == 1

        return payload if await self._database.write(unit) else None

    def _read(self, purpose: str, secret: Secret) -> tuple[str, int, str] | None:
        """Digest, end and payload; None where we did not seal it for this purpose, or its key is gone."""
        try:
            sealed = base64.urlsafe_b64decode(secret.reveal() + "==")
            expires_at, _, payload = self._keyring.open_text(sealed, _pass(purpose)).partition(" ")
        except (ValueError, CipherError):
            return None
        # of what is sealed: base64 has several spellings of it
        return hashlib.sha256(sealed).hexdigest(), int(expires_at), payload


async def _forget(connection: AsyncConnection) -> None:
    expired = select(TicketRow.ticket).where(TicketRow.expires_at <= now_ms()).limit(_FORGOTTEN)
    await connection.execute(delete(TicketRow).where(TicketRow.ticket.in_(expired)))


def _pass(purpose: str) -> Cell:
    return Cell("passes", "secret", (purpose,))


def _digest(secret: Secret) -> str:
    """A plain hash will do: nobody guesses 256 random bits."""
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).hexdigest()


def _cell(ticket: str, purpose: str) -> Cell:
    return Cell("tickets", "sealed", (ticket, purpose))


def _good(ticket: str, purpose: str) -> ColumnElement[bool]:
    return and_(TicketRow.ticket == ticket, TicketRow.purpose == purpose, TicketRow.expires_at > now_ms())
