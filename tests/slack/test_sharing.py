"""Six things that happen to a mapped channel, in all their orders: the check IS-05 of the promises' list.

The channel gets another id, is shared, is unshared again; a question is asked in it, an earlier one's answer goes on
(it is "flushed"), and an admin confirms. The ordinary run takes some of the 720 orders; all of them, on both databases:
`pytest -m long -n 2 tests/slack/test_sharing.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from core.bootstrap import App
from core.cipher import new_key
from core.conversation.values import ChannelRef, Outcome
from core.tables import TurnRow
from tests.fakes.chat import FakeChat
from tests.fakes.chat_replies import Exchange, says
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Call, Message
from tests.platform_contract import holding
from tests.slack import house
from tests.slack.askers import ask, keep, serving_all
from tests.slack.house import World

STEPS = ("move", "share", "ask", "flush", "unshare", "confirm")
ORDERS = list(itertools.permutations(STEPS))
AT_ONCE = 12
PATIENCE = 60.0  # seconds, on a machine that is busy otherwise


class Room:
    """A private channel of a workspace of its own, in which the six things happen in one order.

    `closed`: more people can read it than the admin knows of, so nothing of any answer may be shown.
    """

    def __init__(self, world: World, app: App, name: str, order: Sequence[str]) -> None:
        self.world, self.app, self.name, self.order = world, app, name, order
        self.channel = world.slack.channel(world.team, f"room-{name}", world.alice, kind="private")
        self.gate = asyncio.Event()
        self.closed = False
        self.closings = 0
        self._since = 0
        self._asked: list[Message] = []

    @property
    def place(self) -> ChannelRef:
        return ChannelRef("slack", self.world.team.id, self.channel.id)

    async def live(self) -> None:
        await self.app.mappings.map(self.place, house.REPOSITORY, actor=self.world.alice.id)
        await self._asks("first")
        await self._until(lambda: "Begun." in self._shown())
        for step in self.order:
            await getattr(self, step)()
        await self._over(self._asked)
        self._looked()
        assert [each.suspended for each in await self.app.mappings.list(self.place)] == [self.closed], self.order
        await self._each_has_its_outcome()
        await self._until(lambda: len(self._told()) >= self.closings)
        assert len(self._told()) == self.closings, self.order

    # the six things

    async def move(self) -> None:
        await self.world.slack.changes_id(self.channel, f"{self.channel.id}N")
        self._closes()

    async def share(self) -> None:
        await self.world.slack.shares(self.channel, self.world.slack.team("rival"))
        self._closes()

    async def ask(self) -> None:
        await self._asks("second")
        await self._over(self._asked[-1:])

    async def flush(self) -> None:
        self.gate.set()
        await self._over(self._asked[:1])

    async def unshare(self) -> None:
        self.channel.shared_with.clear()
        told = {"type": "channel_unshared", "channel": self.channel.id, "is_ext_shared": False}
        await self.world.slack.deliver(told, self.world.askrepo, self.channel)

    async def confirm(self) -> None:
        """By the button that the list offers, if it does."""
        slack, alice = self.world.slack, self.world.alice
        await slack.command(alice, self.channel, "list")

        def listed() -> list[Message]:
            return [each for each in slack.ephemerals(self.channel, alice) if "Mapped here:" in each.shown]

        await self._until(listed)
        (found,) = listed()
        assert bool(found.buttons) == self.closed, self.order
        self._looked()
        self.closed = False
        if found.buttons:
            await slack.clicks(alice, found, "confirm")
            since = len(slack.calls)
            await self._until(lambda: "Confirmed." in found.shown)
            await self._goes_on(since)

    # what is seen

    async def _until(self, seen: Callable[[], object]) -> None:
        try:
            await self.world.slack.until(seen, PATIENCE)
        except TimeoutError:
            raise AssertionError(f"{self.order}: {self._shown()!r} is shown, {await self._outcomes()}") from None

    async def _asks(self, which: str) -> None:
        self._asked.append(await ask(self.world, self.world.alice, self.channel, f"{which} of room-{self.name}?"))

    async def _goes_on(self, since: int) -> None:
        """What was broken off is refused by now, or shown anew: else a call may be on its way when all closes again."""
        for _ in range(3_000):
            if self._sent(since, "Begun.") or await self._are_over(self._asked[:1]):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"it does not go on in {self.order}")

    def _closes(self) -> None:
        """Slack's event has been acknowledged."""
        if not self.closed:
            self.closed, self._since = True, len(self.world.slack.calls)
            self.closings += 1

    def _looked(self) -> None:
        """Of what Slack was sent while the channel was closed, nothing holds a word of an answer."""
        if self.closed:
            assert self._sent(self._since, "Begun.", "Kept.", "Second.") == [], self.order

    def _sent(self, since: int, *words: str) -> list[Call]:
        """The calls that hold one of these words."""
        ours = [f"{word} {self.name}." for word in words]
        calls = self.world.slack.calls[since:]
        return [call for call in calls if any(word in json.dumps(call.arguments) for word in ours)]

    def _shown(self) -> str:
        posts = [self.world.slack.thread(self.channel, root.ts)[1:] for root in self._asked]
        return "\n".join(post.body for thread in posts for post in thread if post.bot_id)

    def _told(self) -> list[Message]:
        """What the admin who mapped it was told of it directly."""
        direct = self.world.slack.posts(self.world.slack.dm(self.world.alice))
        return [each for each in direct if house.REPOSITORY in each.shown and "which you mapped" in each.shown]

    async def _over(self, asked: Sequence[Message]) -> None:
        """Wait until each of them has its outcome."""
        for _ in range(3_000):
            if await self._are_over(asked):
                return
            await asyncio.sleep(0.02)  # it is recorded after the last that Slack hears of
        raise AssertionError(f"no outcome in {self.order}")

    async def _are_over(self, asked: Sequence[Message]) -> bool:
        outcomes = await self._outcomes()
        return all(each.ts in outcomes for each in asked)

    async def _outcomes(self) -> dict[str, str]:
        found = select(TurnRow.message_id, TurnRow.status).where(
            TurnRow.workspace_id == self.world.team.id, TurnRow.status.in_(list(Outcome))
        )
        async with self.app.database.reading() as connection:
            return {row.message_id: row.status for row in await connection.execute(found)}

    async def _each_has_its_outcome(self) -> None:
        """One whole answer, or the asker was told why not; what looked for the channel between its ids found none."""
        slack, alice, told = self.world.slack, self.world.alice, 0
        for ts, outcome in (await self._outcomes()).items():
            posts = [post for post in slack.thread(self.channel, ts)[1:] if post.bot_id]
            ends = [post for post in posts if any(each["action_id"] == "retry" for each in post.buttons)]
            assert len(ends) == (outcome == Outcome.ANSWERED), self.order
            assert ends == posts or outcome == Outcome.FAILED, self.order
            told += outcome != Outcome.ANSWERED
        alone = slack.ephemerals(self.channel, alice) + slack.posts(slack.dm(alice))
        notices = [each.shown for each in alone if "Mapped here:" not in each.shown and "Confirmed." not in each.shown]
        assert len(notices) - len(self._told()) >= told, f"{self.order}: {notices}, {await self._outcomes()}"


async def _all_live(slack: FakeSlack, chat: FakeChat, database_url: str, orders: Sequence[Sequence[str]]) -> None:
    rooms: dict[str, Room] = {}

    async def answer(exchange: Exchange) -> None:
        which, _, name = exchange.request.question.rstrip("?").partition(" of room-")
        if which == "second":
            await says(f"Second. {name}.")(exchange)
        else:
            await holding(f"Begun. {name}.\n\n", f"Kept. {name}.", rooms[name].gate)(exchange)

    chat._default, slack.pushing.deadline = answer, PATIENCE  # how fast it acknowledges is not looked at here
    worlds = [house.world(slack) for _ in orders]
    more = {f"ASKREPO_CHAT_{which}_SECONDS": str(10 * PATIENCE) for which in ("SILENCE", "TOTAL")}
    given = serving_all(slack, chat, database_url, ASKREPO_SECRET_KEYS=new_key().text(), **more)
    async with house.askrepo(slack, given) as app:
        for world in worlds:
            await keep(app, slack, world.askrepo)
        for number, (world, order) in enumerate(zip(worlds, orders, strict=True)):
            rooms[str(number)] = Room(world, app, str(number), order)
        waiting = list(rooms.values())
        for start in range(0, len(waiting), AT_ONCE):
            await asyncio.gather(*(room.live() for room in waiting[start : start + AT_ONCE]))


async def test_nothing_is_shown_between_sharing_and_confirming_and_the_admin_is_told_once(
    slack: FakeSlack, chat: FakeChat, tmp_path: Path
) -> None:
    """IS-05, in a share of the orders."""
    await _all_live(slack, chat, f"sqlite:///{tmp_path}/askrepo.db", ORDERS[::61])


@pytest.mark.long
@pytest.mark.timeout(1_800)
async def test_in_all_orders(slack: FakeSlack, chat: FakeChat, database_url: str) -> None:
    """IS-05, whole."""
    await _all_live(slack, chat, database_url, ORDERS)
