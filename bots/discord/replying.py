"""How somebody who did something is answered: at once, then by the interaction's token, then in ordinary messages.

Discord waits three seconds for the first answer, and takes others for fifteen minutes. All of it is for them alone:
whether an answer is private is settled by the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bots.discord import outgoing
from bots.discord.components import Button, Message, leading_away, said, to
from bots.discord.failures import DiscordRefused
from bots.discord.fields import snowflake
from bots.discord.harmless import EPHEMERAL
from bots.discord.interactions import Handle
from bots.discord.rest import Rest
from bots.fields import mapping
from core import logs
from core.errors import DeliveryError, DeliveryFailed, DeliveryUncertain, NotYet, PlaceGone, PlatformAway
from core.relay.pages import pages
from core.relay.patience import patiently

_MESSAGE, _THINKING, _UPDATING, _CHOICES, _FORM = 4, 5, 6, 8, 9  # types of first answers
_AT_ONCE_SECONDS = 2.5  # of Discord's three
_TRY_SECONDS = 0.9  # after which a first answer is taken for lost, while there is time for another try
_PAUSE_SECONDS = 0.2  # between two tries of a first answer
_PAUSES_SECONDS = (0.5, 2.0, 5.0)  # between the tries of a later one
_TOKEN_LIVES = timedelta(minutes=14)  # of its fifteen
_ALREADY = 40060  # the code for an interaction that was answered before
_BEGUN = "One moment… If nothing else appears here, please try again."

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Aside:
    """Where somebody is told what their interaction does not take any more: directly, else where they did it."""

    rest: Rest
    user_id: str
    place_id: str

    async def say(self, message: Message) -> None:
        """Show it. Raises DeliveryError."""
        try:
            opened = await self.rest.patiently("POST", "/users/@me/channels", body={"recipient_id": self.user_id})
            await self._post(snowflake(mapping(opened).get("id")) or "", leading_away(message))
        except (DiscordRefused, PlaceGone) as error:
            log.info("no direct message", reason=str(error))
            await self._post(self.place_id, {"content": to(self.user_id, message)})

    async def _post(self, channel_id: str, message: Message) -> None:
        route = "/channels/{channel_id}/messages"
        await self.rest.patiently("POST", route, body=message, channel_id=channel_id)


class Reply:
    """The answers to one interaction, one after another; what it does not take any more goes `aside`.

    Every method raises DeliveryError. A first answer that Discord did not take ends it: its sender is told so by
    Discord. Those that only acknowledge do nothing where one was given.
    """

    def __init__(
        self,
        rest: Rest,
        handle: Handle,
        aside: Aside | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._rest = rest
        self._handle = handle
        self._aside = aside
        self._now = now
        self._answered = False
        self._pending = False  # what is said next takes the place of what is shown now

    async def think(self) -> None:
        """Show that something is being done, until something is said."""
        if self._answered:
            return
        await self._first(_THINKING, {"flags": EPHEMERAL})
        self._pending = True

    async def begin(self) -> None:
        """The same by a message of ours: whoever else answers this interaction meanwhile does not replace that one.

        While Discord's own sign is shown, whatever is said next by anybody takes its place.
        """
        if self._answered:
            return
        await self._first(_MESSAGE, {**said(_BEGUN), "flags": EPHEMERAL})
        self._pending = True

    async def update(self) -> None:
        """Acknowledge a press: the message whose button it was stays as it is."""
        if self._answered:
            return
        await self._first(_UPDATING)

    async def form(self, modal: Mapping[str, object]) -> None:
        """Open a form; nothing else can be said to this interaction."""
        await self._first(_FORM, modal)

    async def choose(self, choices: Sequence[Mapping[str, str]]) -> None:
        """Offer what could be typed."""
        await self._first(_CHOICES, {"choices": list(choices)})

    async def say(self, words: str, *buttons: Button, instead: bool = False) -> None:
        """Say it; `instead` of the message whose button was pressed, which has to be one for this person alone."""
        *earlier, last = [page.text for page in pages(words, outgoing.PAGE)] or [""]
        for text in earlier:
            await self._show(said(text), instead=instead)
            instead = False
        await self._show(said(last, *buttons), instead=instead)

    async def _show(self, message: Message, *, instead: bool) -> None:
        if not self._answered:
            await self._first(_MESSAGE, {**message, "flags": EPHEMERAL})
            return
        edits, self._pending = self._pending or instead, False
        if self._now() < self._handle.at + _TOKEN_LIVES:
            for way in (self._edit, self._follow_up) if edits else (self._follow_up,):
                try:
                    await way(message)
                    return
                except (DiscordRefused, PlaceGone) as error:
                    log.info("an interaction takes no answer", reason=str(error))
        if self._aside is not None:
            await self._aside.say(message)

    async def _edit(self, message: Message) -> None:
        """Replace the answer; doing so twice does no harm."""
        handle = self._handle
        await _steadily(lambda: self._rest.edit_original(handle.application_id, handle.token, message), DeliveryFailed)

    async def _follow_up(self, message: Message) -> None:
        handle, private = self._handle, {**message, "flags": EPHEMERAL}
        await _steadily(lambda: self._rest.follow_up(handle.application_id, handle.token, private), PlatformAway)

    async def _first(self, kind: int, data: Mapping[str, object] | None = None) -> None:
        """Answer within Discord's three seconds, trying again while there is time.

        What is lost on the way may have arrived: then Discord says of the next that it has an answer already.
        """
        body = {"type": kind} if data is None else {"type": kind, "data": data}
        loop, perhaps = asyncio.get_running_loop(), False
        ends = loop.time() + _AT_ONCE_SECONDS
        problem: DeliveryError
        while True:
            pause = _PAUSE_SECONDS
            try:
                await self._respond(body, last=loop.time() + _TRY_SECONDS + pause > ends)
                break
            except DiscordRefused as error:
                if perhaps and error.code == _ALREADY:
                    break
                raise
            except NotYet as error:
                problem, pause = error, error.seconds
            except DeliveryFailed as error:
                problem, perhaps = error, perhaps or isinstance(error, DeliveryUncertain)
            if loop.time() + pause > ends:
                raise problem
            await asyncio.sleep(pause)
        self._answered = True

    async def _respond(self, body: Mapping[str, object], *, last: bool) -> None:
        """One try, as long as it may take where it is the `last`: it still tells whether there is an answer."""
        try:
            async with asyncio.timeout(None if last else _TRY_SECONDS):
                await self._rest.respond(self._handle.interaction_id, self._handle.token, body)
        except TimeoutError:
            raise DeliveryUncertain("a first answer: no reply in time") from None


async def _steadily(act: Callable[[], Awaitable[object]], passing: type[DeliveryFailed]) -> None:
    """Do it as soon as the pace allows, a few times more where it fails in a way that may pass."""
    for seconds in _PAUSES_SECONDS:
        try:
            await patiently(act)
            return
        except DiscordRefused:
            raise
        except passing:
            await asyncio.sleep(seconds)
    await patiently(act)
