"""Who somebody is in a workspace, and who can read a channel: asked of Slack, remembered for a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from bots.fields import mapping, text
from bots.memory import Memory
from bots.slack.calls import Answer, Calls, SlackRefused
from bots.slack.reference import Reference
from core.channels.access import Audience, Standing
from core.conversation.values import ChannelRef, WorkspaceRef
from core.errors import PlaceGone


@dataclass(frozen=True, slots=True)
class Person:
    """What counts about somebody. `manages`: a workspace admin or owner here. `name` is display text."""

    standing: Standing
    manages: bool = False
    name: str = ""


UNKNOWN = Person(Standing.UNKNOWN)


class People:
    """Asks users.info and conversations.info. Raises NotYet, DeliveryFailed and PlaceGone."""

    def __init__(self, calls: Calls, clock: Callable[[], float] = time.monotonic) -> None:
        self._calls = calls
        self._people = Memory[tuple[WorkspaceRef, str], Person](clock)
        self._audiences = Memory[ChannelRef, Audience](clock)

    async def person(self, client: AsyncWebClient, workspace: WorkspaceRef, user_id: str) -> Person:
        """Who this is, by the workspace's own word; unknown where Slack does not say."""

        async def ask() -> Person:
            try:
                answer = await self._calls.call(client, workspace, "users.info", caller=user_id, user=user_id)
            except (SlackRefused, PlaceGone):
                return UNKNOWN
            return described(answer, workspace.workspace_id)

        return await self._people.get((workspace, user_id), ask)

    async def audience(self, client: AsyncWebClient, channel: ChannelRef, *, since: float | None = None) -> Audience:
        """Who can read along, as `Memory.get` has it. Raises PlaceGone for a channel that we cannot see."""

        async def ask() -> Audience:
            answer = await self._calls.call(
                client, channel.workspace, "conversations.info", caller=channel.channel_id, channel=channel.channel_id
            )
            return readers(answer)

        return await self._audiences.get(channel, ask, since=since)

    def forget_channel(self, channel: ChannelRef) -> None:
        """Something about it changed."""
        self._audiences.forget(channel)


def described(answer: Answer, team_id: str) -> Person:
    """What users.info says, for the workspace `team_id` (of an organisation-wide installation: one of its teams).

    It tells what somebody is in their home workspace: elsewhere that makes no admin of them, but still a guest.
    """
    user = mapping(answer.get("user"))
    profile, enterprise = mapping(user.get("profile")), mapping(user.get("enterprise_user"))
    name = text(profile.get("display_name")) or text(user.get("real_name")) or text(user.get("name")) or ""
    teams = enterprise.get("teams")
    home = user.get("team_id") == team_id
    ours = home or (isinstance(teams, list) and team_id in teams)
    if not user or user.get("deleted") is True:
        return UNKNOWN
    if user.get("is_bot") is True or user.get("is_workflow_bot") is True or user.get("id") == "USLACKBOT":
        return Person(Standing.BOT, name=name)
    if user.get("is_stranger") is True or not ours:
        return Person(Standing.OUTSIDER if user.get("team_id") else Standing.UNKNOWN, name=name)
    if user.get("is_restricted") is True or user.get("is_ultra_restricted") is True:
        return Person(Standing.GUEST, name=name)
    flags = (user.get("is_admin"), user.get("is_owner"), user.get("is_primary_owner"))
    grid = (enterprise.get("is_admin"), enterprise.get("is_owner"))
    return Person(Standing.MEMBER, (home and True in flags) or True in grid, name)


def stricter(told: Standing, reference: Reference) -> Standing:
    """The workspace's word on somebody, unless what Slack delivered says something stricter."""
    if told is not Standing.MEMBER:
        return told
    if reference.foreign is True:
        return Standing.OUTSIDER
    return Standing.GUEST if reference.guest else told


def readers(answer: Mapping[str, object]) -> Audience:
    """What conversations.info says about who can read a conversation; its id says nothing."""
    channel = mapping(answer.get("channel"))
    if not channel:
        return Audience.UNKNOWN
    if channel.get("is_ext_shared") is True or channel.get("is_pending_ext_shared") is True:
        return Audience.SHARED
    if channel.get("is_im") is True:
        return Audience.DIRECT
    if channel.get("is_private") is True or channel.get("is_mpim") is True:
        return Audience.PRIVATE
    return Audience.PUBLIC if channel.get("is_private") is False else Audience.UNKNOWN
