"""Tickets: something to be used once, by whoever holds the secret, until it expires.

The database holds a digest of the secret and the sealed payload; what was read from it cannot be redeemed.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import ColumnElement, and_, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.cipher import Cell, Keyring
from core.database import Database, Unit, now_ms
from core.errors import FormGone, UnknownKey
from core.secret import Secret
from core.tables import TicketRow

_OCTETS = 32  # of randomness in a secret


class Tickets:
    """The tickets of this installation. Raises DatabaseError, and CipherError for what does not open."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def issue(self, purpose: str, payload: str, seconds: float) -> Secret:
        """A ticket for `purpose`, good for this long by the database's clock; forgets those that have expired.

        Its secret is 43 characters that a URL takes as they are.
        """
        secret = Secret(secrets.token_urlsafe(_OCTETS))
        ticket = _digest(secret)
        sealed = self._keyring.seal_text(payload, _cell(ticket, purpose))
        expires_at = now_ms() + int(seconds * 1000)

        async def unit(connection: AsyncConnection) -> None:
            await connection.execute(delete(TicketRow).where(TicketRow.expires_at <= now_ms()))
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


def _digest(secret: Secret) -> str:
    """A plain hash will do: nobody guesses 256 random bits."""
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).hexdigest()


def _cell(ticket: str, purpose: str) -> Cell:
    return Cell("tickets", "sealed", (ticket, purpose))


def _good(ticket: str, purpose: str) -> ColumnElement[bool]:
    return and_(TicketRow.ticket == ticket, TicketRow.purpose == purpose, TicketRow.expires_at > now_ms())
