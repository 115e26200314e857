"""Pure: what an event of Slack is: a question, a word that steers, an edit, something that happened; or why it is none.

One post that mentions the bot arrives as a `message` and as an `app_mention`, in any order and any number of times, at
any of our processes: all of them are the same question. What is no question leaves no trace by which another process
could know that it was acted on, so there the `app_mention` alone counts, where one is certain to come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bots.fields import mapping, text
from bots.slack.fields import identifier, moment, order, stamp
from bots.slack.ignored import Ignored, Reason
from bots.slack.installed import Installed, is_certain, of_envelope
from bots.slack.lifecycle import Happened, converted, happened
from bots.slack.reference import Reference, files_of, uploaders_of
from bots.slack.text import calls_others, mentioned, readable, without_mention
from bots.slack.words import shared
from core.channels.grammar import ThreadWord, gives_token, thread_word
from core.conversation.values import Asker, ChannelRef, Question, ThreadRef

_POSTS = frozenset({None, "file_share", "thread_broadcast", "me_message"})  # subtypes of what people write
_DIRECT = frozenset({"im", "app_home"})
_CHANNELS = frozenset({"channel", "group"})
_SLACKBOT = "USLACKBOT"
_SAME_EDIT_SECONDS = 2  # between the moment of an edit and that of the event that tells of it

_Fields: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question. Unmentioned and not `direct`, it is a reply in a thread that may or may not be for us.

    `mentions_others`: it calls on somebody else as well: a person, a group, everybody here.
    """

    question: Question
    mentioned: bool
    direct: bool
    mentions_others: bool
    installed: Installed


@dataclass(frozen=True, slots=True)
class Bare:
    """The bot was called and nothing was said, though files may have come along."""

    thread: ThreadRef
    message_id: str
    asker: Asker
    installed: Installed


@dataclass(frozen=True, slots=True)
class Worded:
    """A word that steers the thread. In a channel it followed a mention."""

    word: ThreadWord
    thread: ThreadRef
    message_id: str
    order: int
    asker: Asker
    reference: Reference
    installed: Installed


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """A post has other words now, or mentions the bot now or no longer.

    `mentioned`: it does, and not with a word that steers. `question` is the post as it reads now; its text is empty
    where only the mention is left. `was_mentioned` is None where Slack did not say how the post read before.
    """

    question: Question
    mentioned: bool
    was_mentioned: bool | None
    installed: Installed


@dataclass(frozen=True, slots=True)
class Deleted:
    """A post is gone; one of ours may have shown a question that came without one. `within`: the thread it stood in."""

    channel: ChannelRef
    message_id: str
    within: str | None
    installed: Installed


Incoming: TypeAlias = Asked | Bare | Worded | Edited | Deleted | Happened | Ignored


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What stands around a post."""

    envelope: _Fields
    event: _Fields
    installed: Installed
    channel: ChannelRef

    @property
    def direct(self) -> bool:
        kind = self.event.get("channel_type")
        return kind in _DIRECT if isinstance(kind, str) else self.channel.channel_id.startswith("D")

    def bot(self, raw: str) -> str:
        """The bot's user id; where no authorization names it, whom a mention of the app calls on alone."""
        called = mentioned(raw) if self.event.get("type") == "app_mention" and not self.installed.bot_user_id else ()
        return next(iter(called)) if len(called) == 1 else self.installed.bot_user_id

    def calls_us(self, raw: str) -> bool:
        """Whether the text mentions the bot. Of an `app_mention` Slack has said so."""
        return self.event.get("type") == "app_mention" or self.bot(raw) in mentioned(raw)

    @property
    def told_twice(self) -> bool:
        """Whether it is the `message` of a post of which an `app_mention` tells too, if it mentions the bot.

        That is certain in a channel of one organisation. It is not sent in direct messages, and in a channel of several
        it may be sent for another's bot.
        """
        plain = self.event.get("type") == "message" and self.event.get("subtype") is None
        ours = text(self.event.get("channel_type")) in _CHANNELS
        return plain and ours and self.envelope.get("is_ext_shared_channel") is not True

    def calls_another(self, raw: str) -> bool:
        """Whether Slack speaks of a mention of the app that is not one of this bot.

        In a channel of several organisations that installed the app, it delivers for any of them.
        """
        called, bot = mentioned(raw), self.installed.bot_user_id
        told = self.event.get("type") == "app_mention" and self.envelope.get("is_ext_shared_channel") is True
        return told and bool(called and bot) and bot not in called

    def read(self, raw: str) -> str:
        """The text as a question."""
        bot = self.bot(raw)
        return readable(without_mention(raw, bot) if bot else raw)


def of_event(envelope: _Fields) -> Incoming:
    """What an event is. Never raises, whatever the fields hold."""
    if envelope.get("type") != "event_callback":
        return Ignored(Reason.UNUSED)
    event, installed = mapping(envelope.get("event")), of_envelope(envelope)
    kind = event.get("type")
    if not isinstance(kind, str):
        return Ignored(Reason.MALFORMED)
    if kind not in {"message", "app_mention"}:
        return happened(event, installed)
    if not installed.team_id:
        return Ignored(Reason.NO_WORKSPACE)
    channel = installed.channel(event.get("channel"))
    return _message(_Delivery(envelope, event, installed, channel)) if channel else Ignored(Reason.MALFORMED)


def _message(delivery: _Delivery) -> Incoming:
    match delivery.event.get("subtype"):
        case "message_changed":
            return _changed(delivery)
        case "message_deleted":
            return _deleted(delivery, delivery.event.get("deleted_ts"))
        case str(subtype) if conversion := converted(delivery.channel, subtype, delivery.installed):
            return conversion
    if reason := _unwanted(delivery, delivery.event):
        return Ignored(reason)
    question = _question(delivery, delivery.event)
    return _posted(delivery, question) if question else Ignored(Reason.MALFORMED)


def _posted(delivery: _Delivery, question: Question) -> Incoming:
    raw, direct, installed = text(delivery.event.get("text")) or "", delivery.direct, delivery.installed
    if delivery.calls_another(raw):
        return Ignored(Reason.ANOTHER_BOT)
    if delivery.event.get("type") == "app_mention" and stamp(mapping(delivery.event.get("edited")).get("ts")):
        # Slack sends it for an edit too, with the post's old stamp, before message_changed or behind it
        no_word = thread_word(question.text) is None
        return Edited(question=question, mentioned=no_word, was_mentioned=None, installed=installed)
    called, in_thread = delivery.calls_us(raw), question.thread.thread_id != question.message_id
    if not (called or direct or (in_thread and question.text)):
        return Ignored(Reason.NOT_FOR_US)
    word = thread_word(question.text) if called or (direct and in_thread) else None
    if word or not question.text:
        return _unasked(delivery, question, word)
    if called and delivery.told_twice and gives_token(question.text):
        return Ignored(Reason.TOLD_TWICE)
    others = calls_others(raw, delivery.bot(raw))
    return Asked(question=question, mentioned=called, direct=direct, mentions_others=others, installed=installed)


def _unasked(delivery: _Delivery, question: Question, word: ThreadWord | None) -> Incoming:
    """A word that steers, or a call and no words."""
    thread, message_id, installed = question.thread, question.message_id, delivery.installed
    if delivery.told_twice:
        return Ignored(Reason.TOLD_TWICE)
    if word is None:
        return Bare(thread, message_id, question.asker, installed)
    reference = _reference(delivery, delivery.event, in_thread=thread.thread_id != message_id)
    return Worded(word, thread, message_id, question.order, question.asker, reference, installed)


def _changed(delivery: _Delivery) -> Incoming:
    post, before = mapping(delivery.event.get("message")), mapping(delivery.event.get("previous_message"))
    if post.get("subtype") == "tombstone":
        return _deleted(delivery, post.get("ts"))
    if reason := _unwanted(delivery, post):
        return Ignored(reason)
    question = _question(delivery, {"ts": before.get("ts"), **post})
    if not question:
        return Ignored(Reason.MALFORMED)
    raw, old, direct = text(post.get("text")) or "", text(before.get("text")), delivery.direct
    now, was = direct or delivery.calls_us(raw), None if old is None else direct or delivery.calls_us(old)
    if not _is_edit(delivery, post) or (old is not None and (delivery.read(old), was) == (question.text, now)):
        return Ignored(Reason.UNCHANGED)
    in_thread = question.thread.thread_id != question.message_id
    if not (now or was is not False or in_thread):
        return Ignored(Reason.NOT_FOR_US)
    mentioned = now and thread_word(question.text) is None
    return Edited(question=question, mentioned=mentioned, was_mentioned=was, installed=delivery.installed)


def _is_edit(delivery: _Delivery, post: _Fields) -> bool:
    """Whether a person changed the post just now. Links that unfurl, and replies, leave the old mark of an edit."""
    at, told = stamp(mapping(post.get("edited")).get("ts")), stamp(delivery.event.get("ts"))
    if not at or not told:
        return False
    known = text(mapping(delivery.event.get("previous_message")).get("text")) is not None
    return known or abs((moment(told) - moment(at)).total_seconds()) <= _SAME_EDIT_SECONDS


def _deleted(delivery: _Delivery, deleted_ts: object) -> Incoming:
    before = mapping(delivery.event.get("previous_message"))
    ts = stamp(deleted_ts) or stamp(before.get("ts"))
    if not ts:
        return Ignored(Reason.MALFORMED)
    reason = _unwanted(delivery, before)
    if reason and reason is not Reason.OWN:
        return Ignored(reason)
    return Deleted(delivery.channel, ts, stamp(before.get("thread_ts")), delivery.installed)


def _unwanted(delivery: _Delivery, post: _Fields) -> Reason | None:
    """Why a post is never a question, by who wrote it and of what kind it is."""
    profile, subtype, user = mapping(post.get("bot_profile")), post.get("subtype"), post.get("user")
    app, ours = post.get("app_id") or profile.get("app_id"), delivery.envelope.get("api_app_id")
    is_bot = bool(post.get("bot_id") or profile) or subtype == "bot_message" or user == _SLACKBOT
    if (user and user == delivery.installed.bot_user_id) or (is_bot and app and app == ours):
        return Reason.OWN
    if is_bot:
        return Reason.WORKFLOW if profile.get("is_workflow_bot") is True else Reason.BOT
    if subtype is not None and not isinstance(subtype, str):
        return Reason.MALFORMED
    if subtype not in _POSTS:
        return Reason.SYSTEM
    return Reason.HIDDEN if post.get("hidden") or post.get("is_ephemeral") else None


def _question(delivery: _Delivery, post: _Fields) -> Question | None:
    ts, user, thread_ts = stamp(post.get("ts")), identifier(post.get("user")), post.get("thread_ts")
    edit = mapping(post.get("edited"))
    raw = text(post.get("text"))
    if raw is None and post.get("text") is None and files_of(post.get("files"))[0]:
        raw = ""
    if not ts or not user or raw is None or (thread_ts and not stamp(thread_ts)):
        return None
    root = stamp(thread_ts) or ts
    reference = _reference(delivery, post, in_thread=root != ts)
    thread, at, edited = ThreadRef(delivery.channel, root), moment(ts), order(stamp(edit.get("ts")) or "0")
    return Question(thread, ts, order(ts), Asker(user), delivery.read(raw), at, reference.encode(), edited=edited)


def _reference(delivery: _Delivery, post: _Fields, *, in_thread: bool) -> Reference:
    profile = mapping(post.get("user_profile"))
    files, left_out = files_of(post.get("files"))
    teams = [team for team in (post.get("user_team"), profile.get("team"), post.get("team")) if identifier(team)]
    told = teams or [team for team in (*uploaders_of(post), post.get("source_team")) if identifier(team)][:1]
    foreign = delivery.installed.foreign(told) if is_certain(delivery.envelope) else None
    team = next((team for team in told if not str(team).startswith("E")), told[0] if told else None)
    return Reference(
        identifier(team),
        delivery.installed.enterprise_id,
        True if profile.get("is_stranger") is True else foreign,
        guest=bool(profile.get("is_restricted") or profile.get("is_ultra_restricted")),
        ext_shared=delivery.envelope.get("is_ext_shared_channel") is True,
        in_thread=in_thread,
        files=files,
        left_out=left_out,
        about_text=shared(post),
    )
