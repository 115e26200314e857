"""Pure: what a post of Discord is: a question, a word that steers, an edit; or why it is none.

A role that the guild made for the bot has its name: who mentions that role means the bot. Everybody does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from bots.discord.fields import moment, snowflake
from bots.discord.ignored import Ignored, Reason
from bots.discord.posts import GROUP, THREADS, Post, Spot
from bots.discord.reference import Reference
from bots.discord.text import quotable, readable
from core.channels.grammar import ThreadWord, thread_word
from core.channels.pasted import holds_token
from core.conversation.values import Asker, ChannelRef, Question, ThreadRef

PLATFORM = "discord"
_WRITTEN = frozenset({0, 19})  # types of message that people write: a post, a reply
_HIGHEST = 2**63  # what the order of a question may not reach


@dataclass(frozen=True, slots=True)
class Asked:
    """A question. Unmentioned and not `direct`, it is a post in a thread that may or may not be for us.

    `mentions_others`: it calls on somebody else as well: a person, a role, everybody; or answers somebody else.
    """

    question: Question
    mentioned: bool
    direct: bool
    mentions_others: bool


@dataclass(frozen=True, slots=True)
class Bare:
    """The bot was called and nothing was said, though files may have come along: `question` has no text."""

    question: Question


@dataclass(frozen=True, slots=True)
class Worded:
    """A word that steers a thread. In a channel it followed a mention: it steers the thread of the post it answers.

    `question` is the post that said it.
    """

    word: ThreadWord
    thread: ThreadRef
    question: Question


@dataclass(frozen=True, slots=True)
class Edited:
    """A post has other words now. How it read before, Discord does not say."""

    question: Question
    mentioned: bool


Incoming: TypeAlias = Asked | Bare | Worded | Edited | Ignored


def of_post(post: Post, bot_id: str) -> Incoming:
    """What a new post is. Never raises, whatever the fields hold."""
    reason = _unwanted(post, bot_id)
    if reason:
        return Ignored(reason)
    called, spot = _calls_us(post, bot_id), post.spot
    if not (called or spot.within):
        return Ignored(Reason.NOT_FOR_US)
    question = _question(post, bot_id)
    if not question.text and not (called or spot.direct):
        return Ignored(Reason.NOT_FOR_US)
    if not question.text:
        return Bare(question)
    word = thread_word(question.text) if called or spot.direct else None
    if word:
        thread = question.thread
        if post.answers and not spot.within:
            thread = ThreadRef(thread.channel, post.answers.message_id)
        return Worded(word, thread, question)
    return Asked(question, called, spot.direct, _calls_others(post, bot_id))


def of_edit(post: Post, bot_id: str) -> Edited | Ignored:
    """What a post is that was changed. Never raises.

    One that stands in a channel and does not mention us any more is left as it was answered. A word that steers is
    acted on when it is said: one that is written over something else asks nothing that was not asked before.
    """
    reason = _unwanted(post, bot_id)
    if reason or not post.edited:
        return Ignored(reason or Reason.UNCHANGED)
    called = _calls_us(post, bot_id)
    if not (called or post.spot.within):
        return Ignored(Reason.NOT_FOR_US)
    question = _question(post, bot_id)
    return Edited(question, (called or post.spot.direct) and thread_word(question.text) is None)


def channel_of(spot: Spot) -> ChannelRef:
    """The channel that a place belongs to."""
    return ChannelRef(PLATFORM, spot.guild_id, spot.parent_id if spot.kind in THREADS else spot.channel_id)


def _unwanted(post: Post, bot_id: str) -> Reason | None:
    """Why a post is never a question, by who wrote it, of what kind it is and where it stands."""
    spot = post.spot
    placed = spot.known and snowflake(spot.channel_id) and (spot.direct or snowflake(spot.guild_id))
    reasons = (
        (Reason.OWN, post.author_id == bot_id),
        (Reason.WEBHOOK, post.webhook),
        (Reason.BOT, post.bot),
        (Reason.SYSTEM, post.system or post.kind not in _WRITTEN),
        (Reason.MALFORMED, not (_usable(post.message_id) and snowflake(post.author_id))),
        (Reason.GROUP, spot.kind == GROUP),
        (Reason.NO_PLACE, not placed),
    )
    return next((reason for reason, holds in reasons if holds), None)


def _usable(message_id: str) -> bool:
    return bool(snowflake(message_id)) and int(message_id) < _HIGHEST


def _calls_us(post: Post, bot_id: str) -> bool:
    """Whether it is addressed to us: by a mention, by that of our own role, or as the answer to a post of ours."""
    answered = post.answers is not None and post.answers.author_id == bot_id
    return bot_id in post.users or bool(post.our_role and post.our_role in post.roles) or answered


def _calls_others(post: Post, bot_id: str) -> bool:
    answered = post.answers.author_id if post.answers else ""
    people = {*post.users, *([answered] if answered else [])} - {bot_id, post.author_id}
    return bool(people or post.roles - {post.our_role} or post.everyone)


def _question(post: Post, bot_id: str) -> Question:
    spot, message_id = post.spot, post.message_id
    thread = ThreadRef(channel_of(spot), spot.channel_id if spot.within else message_id)
    asker = Asker(post.author_id, post.author_name)
    said = readable(post.text, post.names, without=(bot_id, post.our_role))
    reference = _reference(post, bot_id).encode()
    return Question(thread, message_id, int(message_id), asker, said, moment(message_id), reference, edited=post.edited)


def _reference(post: Post, bot_id: str) -> Reference:
    return Reference(
        in_thread=post.spot.within and not post.spot.direct,
        direct=post.spot.direct,
        outsider=None if post.member is None else not post.member,
        files=post.files,
        left_out=post.left_out,
        about_text=_about(post, bot_id),
    )


def _about(post: Post, bot_id: str) -> str:
    """What the post says that a reply answers: none that holds a token, nor ours in this very conversation."""
    if post.answers is None or (post.spot.within and post.answers.author_id == bot_id):
        return ""
    said = quotable(post.answers.text, post.names)
    return "" if holds_token(said) else said
