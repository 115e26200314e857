"""Where a notice goes that the place does not take: to the person, unless no place would take it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bots.discord.components import MAP, button, link, said
from bots.discord.failures import MISSHAPEN, DiscordRefused
from bots.discord.posting import Posting
from bots.discord.privately import Privately, Somebody
from core import bootstrap
from tests.discord.answering import rest, settings
from tests.discord.house import World
from tests.fakes.chat import FakeChat

POST = ("POST", "/channels/{channel_id}/messages")
OPEN = ("POST", "/users/@me/channels")
LOCKED, ARCHIVED, BLOCKED, SLOW, ODD = 160005, 50083, 200000, 20016, 999999


@pytest.fixture
async def privately(world: World, chat: FakeChat, sqlite_url: str) -> AsyncIterator[Privately]:
    async with (
        bootstrap.opened(settings(chat, sqlite_url)) as parts,
        rest(world.discord, parts.allowances) as opened,
    ):
        yield Privately(opened, Posting(opened))


@pytest.mark.parametrize("code", [LOCKED, ARCHIVED, BLOCKED, SLOW, ODD])
async def test_what_the_place_refuses_is_told_in_a_direct_message(
    world: World, privately: Privately, code: int
) -> None:
    discord = world.discord
    asked = await discord.says(world.alice, world.general, f"{discord.bot} why?")
    refused = discord.fail(*POST, code=code, times=-1, at=world.general.id)
    await privately.tell(Somebody(world.alice.id, world.general.id, asked.id), said("No."), caller="1")
    assert refused.struck
    assert [each.content for each in discord.answers(discord.dm(world.alice))] == ["No."]
    assert discord.answers(world.general) == []


async def test_the_same_words_are_told_once_for_each_occasion(world: World, privately: Privately) -> None:
    discord = world.discord
    asked = await discord.says(world.alice, world.general, f"{discord.bot} why?")
    for occasion in ("0", "0", "1", "1"):
        somebody = Somebody(world.alice.id, world.general.id, asked.id)
        await privately.tell(somebody, said("No."), caller="1", occasion=occasion)
    assert [each.content for each in discord.answers(world.general)] == ["No.", "No."]


async def test_a_direct_message_has_no_button_that_works_elsewhere(world: World, privately: Privately) -> None:
    discord = world.discord
    discord.fail(*POST, code=BLOCKED, times=-1, at=world.general.id)
    page = link("Enter the token", "https://askrepo.example.com/token/x")
    shown = said("No repository.", button(MAP, "Map a repository", "1"), page)
    await privately.tell(Somebody(world.alice.id, world.general.id), shown, caller="1")
    (told,) = discord.answers(discord.dm(world.alice))
    assert (told.content, list(told.buttons)) == ("No repository.", ["Enter the token"])


@pytest.mark.parametrize("code", sorted(MISSHAPEN))
async def test_what_no_place_would_take_is_tried_in_one(world: World, privately: Privately, code: int) -> None:
    world.discord.allows(code)
    world.discord.fail(*POST, code=code, times=-1)
    with pytest.raises(DiscordRefused):
        await privately.tell(Somebody(world.alice.id, world.general.id), said("No."), caller="1")
    assert not world.discord.called(*OPEN)
