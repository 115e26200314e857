"""What an admin set for a channel, and who could read it when its mappings were made or confirmed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sqlalchemy import Row, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.channels import audit
from core.channels.access import Audience, Rules, widened
from core.cipher import Cell, Keyring
from core.conversation.followup import FollowUps
from core.conversation.values import ChannelRef
from core.database import Database
from core.errors import BadPreference
from core.scope import CHANNEL, in_channel, named
from core.tables import ChannelRow
from core.workspaces import Workspaces, lock

LONGEST_INSTRUCTIONS = 2_000  # characters
LONGEST_MODEL = 100  # characters


@dataclass(frozen=True, slots=True)
class ChannelPreferences:
    """What applies in a channel. `model` and `instructions` are None where the service's own apply.

    `audience` is who could read the channel when it was mapped or confirmed; where that was not known, at the first
    question since.
    """

    follow_ups: FollowUps = FollowUps.SMART
    guests: bool = False
    outsiders: bool = False
    model: str | None = None
    instructions: str | None = None
    audience: Audience | None = None

    @property
    def rules(self) -> Rules:
        """What of it decides who may ask."""
        return Rules(self.guests, self.outsiders)


def instructions_cell(channel: ChannelRef) -> Cell:
    """Where the sealed instructions of a channel live."""
    return Cell("channels", "instructions", (channel.platform, channel.workspace_id, channel.channel_id))


async def renew_audience(database: Database, connection: AsyncConnection, channel: ChannelRef, now: Audience) -> None:
    """Within a unit: whoever maps or confirms sees who reads along now. Unknown, the next question records it."""
    await connection.execute(update(ChannelRow).where(in_channel(ChannelRow, channel)).values(audience=None))
    if now is not Audience.UNKNOWN:
        await _record(database, connection, channel, now)


async def has_widened(connection: AsyncConnection, channel: ChannelRef, now: Audience) -> bool:
    """Within a unit: whether more people are known to read the channel now than was recorded."""
    row = await preferences_row(connection, channel)
    recorded = None if row is None or row.audience is None else Audience.of(str(row.audience))
    return now is not Audience.UNKNOWN and widened(recorded, now)


async def _record(database: Database, connection: AsyncConnection, channel: ChannelRef, audience: Audience) -> None:
    await connection.execute(
        database.insert(ChannelRow)
        .values(**asdict(channel), guests=False, outsiders=False, audience=audience.word)
        .on_conflict_do_update(
            index_elements=inspect(ChannelRow).primary_key,
            set_={"audience": audience.word},
            where=ChannelRow.audience.is_(None),
        )
    )


class Preferences:
    """The preferences of this installation's channels. Every method raises DatabaseError and CipherError."""

    def __init__(self, database: Database, workspaces: Workspaces) -> None:
        self._database = database
        self._workspaces = workspaces

    async def of(self, channel: ChannelRef) -> ChannelPreferences:
        """What applies in this channel; the defaults where nothing was set."""
        async with self._database.reading() as connection:
            row = await preferences_row(connection, channel)
        if row is None:
            return ChannelPreferences()
        return _preferences(row, channel, await self._workspaces.data_key(channel.workspace))

    async def set(
        self,
        channel: ChannelRef,
        *,
        follow_ups: FollowUps,
        guests: bool,
        outsiders: bool,
        model: str | None,
        instructions: str | None,
        actor: str,
    ) -> tuple[str, ...]:
        """Set all of it at once; what changed, by name. Raises BadPreference.

        Blank texts are none. The audit table gets what changed, of the instructions only that they did.
        """
        wanted = ChannelPreferences(follow_ups, guests, outsiders, _model(model), _instructions(instructions))
        key = await self._workspaces.data_key(channel.workspace)

        async def unit(connection: AsyncConnection) -> tuple[str, ...]:
            await lock(connection, channel.workspace)
            row = await preferences_row(connection, channel)
            changes = dict(_changes(ChannelPreferences() if row is None else _preferences(row, channel, key), wanted))
            if changes:
                await self._store(connection, channel, wanted, key)
                detail = "; ".join(changes.values())
                await audit.record(
                    connection,
                    channel.workspace,
                    actor=actor,
                    action="settings",
                    detail=detail,
                    channel_id=channel.channel_id,
                )
            return tuple(changes)

        return await self._database.write(unit)

    async def _store(
        self, connection: AsyncConnection, channel: ChannelRef, wanted: ChannelPreferences, key: Keyring
    ) -> None:
        text = wanted.instructions
        values = {
            "follow_ups": wanted.follow_ups.value,
            "guests": wanted.guests,
            "outsiders": wanted.outsiders,
            "model": wanted.model,
            "instructions": None if text is None else key.seal_text(text, instructions_cell(channel)),
        }
        await connection.execute(
            self._database.insert(ChannelRow)
            .values(**asdict(channel), **values)
            .on_conflict_do_update(index_elements=inspect(ChannelRow).primary_key, set_=values)
        )

    async def record_audience(self, channel: ChannelRef, audience: Audience) -> Audience:
        """Record who can read the channel, unless that is recorded already or unknown; the one that counts.

        The disk has it with what is shown there.
        """
        if audience is Audience.UNKNOWN:
            return audience

        async def unit(connection: AsyncConnection) -> str:
            await _record(self._database, connection, channel, audience)
            found = select(ChannelRow.audience).where(in_channel(ChannelRow, channel))
            return str((await connection.execute(found)).scalar_one())

        await self._workspaces.data_key(channel.workspace)  # the workspace is recorded on first sight
        return Audience.of(await self._database.write(unit, lasting=False))


def _model(text: str | None) -> str | None:
    text = (text or "").strip()
    if len(text) > LONGEST_MODEL:
        raise BadPreference("model", f"is longer than {LONGEST_MODEL} characters")
    if not text.isprintable():
        raise BadPreference("model", "holds characters that cannot be shown")
    return text or None


def _instructions(text: str | None) -> str | None:
    text = (text or "").strip()
    if len(text) > LONGEST_INSTRUCTIONS:
        raise BadPreference("instructions", f"is longer than {LONGEST_INSTRUCTIONS:,} characters")
    return text or None


def _changes(before: ChannelPreferences, after: ChannelPreferences) -> Iterator[tuple[str, str]]:
    """Name and description of each difference."""
    for name, old, new in (
        ("follow-ups", before.follow_ups.value, after.follow_ups.value),
        ("guests", _allowed(before.guests), _allowed(after.guests)),
        ("outsiders", _allowed(before.outsiders), _allowed(after.outsiders)),
        ("model", before.model or "default", after.model or "default"),
    ):
        if old != new:
            yield name, f"{name}: {old} → {new}"
    if before.instructions != after.instructions:
        yield "instructions", f"instructions {'removed' if after.instructions is None else 'changed'}"


def _allowed(may_ask: bool) -> str:
    return "may ask" if may_ask else "refused"


async def preferences_row(connection: AsyncConnection, channel: ChannelRef) -> Row[tuple[object, ...]] | None:
    """Within a unit: what is stored for the channel, if anything."""
    return (await connection.execute(_ROW, named(channel))).one_or_none()


_ROW = select(ChannelRow.__table__).where(in_channel(ChannelRow, CHANNEL))


def _preferences(row: Row[tuple[object, ...]], channel: ChannelRef, key: Keyring) -> ChannelPreferences:
    sealed = row.instructions
    return ChannelPreferences(
        follow_ups=FollowUps.of(row.follow_ups),
        guests=row.guests,
        outsiders=row.outsiders,
        model=row.model,
        instructions=None if sealed is None else key.open_text(sealed, instructions_cell(channel)),
        audience=None if row.audience is None else Audience.of(row.audience),
    )
