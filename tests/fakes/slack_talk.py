"""What people do in Slack, and the events it causes."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Iterable
from typing import Any

from tests.fakes.slack_pushing import Delivery, Pushing
from tests.fakes.slack_socket import Sockets
from tests.fakes.slack_values import Channel, File, Installation, Json, Message, Team, User
from tests.fakes.slack_world import World

_ENTITY = re.compile(r"(<(?:[@#!][^<>\s]+|https?://[^<>\s]+)>)")
_CODE = re.compile(r"((?<!`)`[^`\n]+`(?!`))")
_LINK = re.compile(r"(https?://[^\s<>]+)")
_MESSAGES = {"public": "message.channels", "private": "message.groups", "im": "message.im", "mpim": "message.mpim"}


def typed(text: str) -> str:
    """What a person typed, as Slack stores it: escaped, links in angle brackets, mentions kept."""
    parts = _ENTITY.split(text)
    escaped = [_escape(part) if number % 2 == 0 else part for number, part in enumerate(parts)]
    return "".join(escaped)


def _escape(text: str) -> str:
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LINK.sub(r"<\1>", plain)


def rich_text(text: str) -> list[Json]:
    """The block Slack makes of a person's words."""
    found: list[Json] = []
    for part in _ENTITY.split(text):
        if part.startswith("<@"):
            found.append({"type": "user", "user_id": part[2:-1].partition("|")[0]})
        else:
            found += [_element(piece) for piece in _CODE.split(part) if piece]
    section = {"type": "rich_text_section", "elements": found}
    return [{"type": "rich_text", "block_id": secrets.token_hex(3), "elements": [section]}] if found else []


def _element(piece: str) -> Json:
    """What stands between two entities, or a stretch of code in it."""
    text = piece.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    if _CODE.fullmatch(piece):
        return {"type": "text", "text": text[1:-1], "style": {"code": True}}
    return {"type": "text", "text": text}


class Talk(World):
    """People post, edit, delete, join and leave; each waits until the app has acknowledged, or failed to."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets = Sockets(self)
        self.pushing = Pushing(self, self.sockets)
        self.echoes = True  # whether the app is told of its own posts, as Slack does
        self._telling: set[asyncio.Task[Delivery]] = set()
        self.listeners.append(self._echo)

    # events

    async def deliver(
        self, event: Json, installation: Installation, channel: Channel | None = None, *, event_id: str = ""
    ) -> Delivery:
        """Push one event to the app in a full envelope, whatever its subscriptions."""
        return await self.pushing.push(Delivery("events_api", self.envelope(event, installation, channel, event_id)))

    async def verifies_url(self) -> bool:
        """Ask the app whether the request URL is its own, as Slack does when it is configured."""
        challenge = secrets.token_hex(12)
        asked = {"token": "verification-token-is-deprecated", "challenge": challenge, "type": "url_verification"}
        delivery = await self.pushing.push(Delivery("events_api", asked))
        return delivery.acknowledged and delivery.answer in ({"challenge": challenge}, challenge)

    async def redeliver(self, delivery: Delivery, *, new_id: bool = False) -> Delivery:
        """The same event once more; with `new_id` under an event_id of its own."""
        payload = {**delivery.payload, **({"event_id": self._event_id()} if new_id else {})}
        return await self.pushing.push(Delivery(delivery.type, payload))

    def envelope(
        self, event: Json, installation: Installation, channel: Channel | None = None, event_id: str = ""
    ) -> Json:
        """The event_callback of an event."""
        team = installation.team or next(
            (team for team in installation.teams if channel and team is channel.team), installation.teams[0]
        )
        grid = {"enterprise_id": installation.enterprise_id} if installation.enterprise_id else {}
        return {
            "token": "verification-token-is-deprecated",
            "team_id": team.id,
            **grid,
            "context_team_id": team.id,
            "context_enterprise_id": installation.enterprise_id,
            "api_app_id": self.app.id,
            "event": {"event_ts": self.now_ts(), **event},
            "type": "event_callback",
            "event_id": event_id or self._event_id(),
            "event_time": int(time.time()),
            "authorizations": [
                {
                    "enterprise_id": installation.enterprise_id,
                    "team_id": installation.team.id if installation.team else None,
                    "user_id": installation.bot.id,
                    "is_bot": True,
                    "is_enterprise_install": installation.team is None,
                }
            ],
            "is_ext_shared_channel": bool(channel and channel.shared_with),
            "event_context": f"4-{secrets.token_hex(8)}",
        }

    def _event_id(self) -> str:
        return f"Ev0{secrets.token_hex(5).upper()}"

    def _sees(self, channel: Channel, *, member: bool = True) -> Installation | None:
        """The one installation an event of this channel is delivered for."""
        if self.pushing.transport == "http" and not self.pushing.url:
            return None  # the app does not run yet: what happens now is the past it will find
        for each in self.installations:
            here = any(team in {channel.team, *channel.shared_with} for team in self.seen_by(each))
            if here and (not member or each.bot in channel.members):
                return each
        return None

    def _wants(self, installation: Installation, name: str, scope: str = "") -> bool:
        return name in self.subscriptions and (not scope or scope in installation.scopes)

    async def _push_all(self, events: Iterable[Json], installation: Installation, channel: Channel | None) -> None:
        await asyncio.gather(*(self.deliver(event, installation, channel) for event in events))

    async def _tell(self, name: str, event: Json, channel: Channel) -> None:
        """One event about a channel, for the installation that sees it."""
        installation = self._sees(channel, member=False)
        self.change()
        if installation and self._wants(installation, name):
            await self.deliver({"type": name, **event}, installation, channel)

    def _message_event(self, message: Message, **more: Any) -> Json:
        channel = message.channel
        shared = {"user_team": message.author.team.id, "source_team": message.author.team.id}
        return {
            **self.message_json(message),
            **(shared if channel.shared_with else {}),
            "channel": channel.id,
            "event_ts": message.ts,
            "channel_type": channel.type,
            **more,
        }

    def _hidden(self, message: Message, what: str, before: Json) -> Json:
        shown = {"message": self.message_json(message)} if what == "changed" else {"deleted_ts": message.ts}
        ts = self.now_ts()
        return {
            "type": "message",
            "subtype": f"message_{what}",
            "hidden": True,
            **shown,
            "previous_message": before,
            "channel": message.channel.id,
            "channel_type": message.channel.type,
            "ts": ts,
            "event_ts": ts,
        }

    def _hears(self, channel: Channel) -> Installation | None:
        installation = self._sees(channel)
        scope = f"{channel.scope}:history"
        return installation if installation and self._wants(installation, _MESSAGES[channel.kind], scope) else None

    def _echo(self, message: Message, what: str, before: Json | None) -> None:
        """Tell the app of what it did itself, without waiting for it."""
        installation = self._hears(message.channel)
        if not self.echoes or installation is None or not self.pushing.ready:
            return
        old = before or self.message_json(message)
        event = self._message_event(message) if what == "posted" else self._hidden(message, what, old)
        delivery = Delivery("events_api", self.envelope(event, installation, message.channel), own=True)
        task = asyncio.create_task(self.pushing.push(delivery))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    # people

    async def says(
        self,
        user: User,
        channel: Channel,
        text: str = "",
        *,
        thread: Message | str | None = None,
        files: Iterable[File] = (),
        attachments: Iterable[Json] = (),
        broadcast: bool = False,
        subtype: str | None = None,
        raw: bool = False,
    ) -> Message:
        """Post as a person (or another bot), and deliver every event this causes.

        That is `message`, and `app_mention` too where the bot is mentioned and a member. Mention somebody by
        f"{user}". `raw`: the text is stored as it is. `attachments` are those that come along, as what is shared does.
        """
        assert user in channel.members, f"{user.name} is no member of {channel.name}"
        assert not channel.archived, "an archived channel takes no posts"
        message = Message(self.now_ts(), channel, user, text if raw else typed(text), files=list(files))
        message.attachments = list(attachments)
        message.blocks = rich_text(message.text)
        message.thread_ts = thread.root_ts if isinstance(thread, Message) else thread
        message.subtype = subtype or ("thread_broadcast" if broadcast else "file_share" if message.files else None)
        message.client_msg_id = None if user.bot else secrets.token_hex(8)
        message.bot_id = f"B{user.id[1:]}" if user.bot else None
        message.broadcast = broadcast
        for file in message.files:
            file.channels.append(channel)
        channel.add(message)
        self.change()
        if installation := self._sees(channel):
            await self._push_all(self._heard(message, installation), installation, channel)
        return message

    def _heard(self, message: Message, installation: Installation) -> list[Json]:
        events: list[Json] = []
        root = message.channel.messages.get(message.thread_ts or "")
        if self._hears(message.channel):
            more = {"root": self.message_json(root)} if message.broadcast and root else {}
            events.append(self._message_event(message, **more))
        mentioned = f"<@{installation.bot.id}" in message.text and message.channel.kind != "im"
        if mentioned and self._wants(installation, "app_mention", "app_mentions:read"):
            mention = self._message_event(message, type="app_mention")
            events.append({name: value for name, value in mention.items() if name not in {"subtype", "channel_type"}})
        return events

    async def edits(self, message: Message, text: str, *, raw: bool = False) -> None:
        """The author changes the words of a post."""
        before = self.message_json(message)
        message.text = text if raw else typed(text)
        message.blocks, message.edited = rich_text(message.text), self.now_ts()
        await self._changed(message, "changed", before)

    async def unfurls(self, message: Message) -> None:
        """Slack adds the preview of a link: a message_changed without `edited` and with the same words."""
        await self._changed(message, "changed", self.message_json(message))

    async def deletes(self, message: Message) -> None:
        """The post goes away; one that has replies leaves a tombstone, which Slack tells as a change."""
        before = self.message_json(message)
        if len(self.thread(message.channel, message.ts)) > 1:
            message.subtype, message.text = "tombstone", "This message was deleted."
            message.blocks, message.files = [], []
            message.author = User("USLACKBOT", message.author.team, "slackbot")
            await self._changed(message, "changed", before)
        else:
            message.channel.remove(message)
            await self._changed(message, "deleted", before)

    async def _changed(self, message: Message, what: str, before: Json) -> None:
        self.change()
        if installation := self._hears(message.channel):
            await self.deliver(self._hidden(message, what, before), installation, message.channel)

    async def stops(self, user: User, message: Message) -> None:
        """Press Slack's own stop button of a streaming message."""
        assert message.stream is not None
        message.stream.state = "stopped_by_user"
        told = {"channel": message.channel.id, "user": user.id, "thread_ts": message.root_ts}
        await self._tell("agent_session_stopped", {**told, "streaming_message_ts": [message.ts]}, message.channel)

    async def opens_home(self, user: User, tab: str = "home") -> None:
        """Look at the app's Home or Messages tab."""
        channel = self.dm(user)
        await self._tell("app_home_opened", {"user": user.id, "channel": channel.id, "tab": tab}, channel)

    async def joins(self, user: User, channel: Channel, *, inviter: User | None = None) -> None:
        """Somebody, or a bot, comes into a channel."""
        channel.members.append(user)
        event = self._membership(user, channel) | ({"inviter": inviter.id} if inviter else {})
        await self._tell("member_joined_channel", event, channel)

    async def leaves(self, user: User, channel: Channel) -> None:
        """Somebody, or a bot, leaves or is removed."""
        channel.members.remove(user)
        await self._tell("member_left_channel", self._membership(user, channel), channel)

    def _membership(self, user: User, channel: Channel) -> Json:
        letter = "C" if channel.kind == "public" else "G"
        return {"user": user.id, "channel": channel.id, "channel_type": letter, "team": channel.team.id}

    async def kicks_bot(self, channel: Channel) -> None:
        """The app's bot is removed from a channel."""
        await self.leaves(self.installed(channel.team).bot, channel)

    async def invites_bot(self, channel: Channel, inviter: User) -> None:
        """The app's bot is brought into a channel."""
        await self.joins(self.installed(channel.team).bot, channel, inviter=inviter)

    async def archives(self, channel: Channel, user: User) -> None:
        """Nothing can be posted from now on."""
        channel.archived = True
        name = "channel_archive" if channel.kind == "public" else "group_archive"
        await self._tell(name, {"channel": channel.id, "user": user.id}, channel)

    async def renames(self, channel: Channel, name: str) -> None:
        """The channel has another name."""
        channel.name = name
        told = {"id": channel.id, "name": name, "created": 1700000000}
        await self._tell("channel_rename", {"channel": told}, channel)

    async def changes_id(self, channel: Channel, new_id: str) -> None:
        """The channel has another id, as may happen when it becomes shared."""
        del self.channels[channel.team.id, channel.id]
        old, channel.id = channel.id, new_id
        self.channels[channel.team.id, new_id] = channel
        await self._tell("channel_id_changed", {"old_channel_id": old, "new_channel_id": new_id}, channel)

    async def shares(self, channel: Channel, team: Team) -> None:
        """The channel is joined by another organisation."""
        channel.shared_with.append(team)
        await self._tell("channel_shared", {"connected_team_id": team.id, "channel": channel.id}, channel)

    async def uninstalls(self, installation: Installation) -> None:
        """Somebody removes the app: its tokens are dead before the app hears of it."""
        installation.alive = False
        for name, event in (("tokens_revoked", {"tokens": {"bot": [installation.bot.id]}}), ("app_uninstalled", {})):
            if name in self.subscriptions and (self.pushing.url or self.pushing.transport == "socket"):
                await self.deliver({"type": name, **event}, installation)

    async def told(self) -> None:
        """Wait until the app has heard of everything it did itself."""
        while self._telling:
            await asyncio.wait(set(self._telling))
