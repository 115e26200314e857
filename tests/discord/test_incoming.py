"""What a post of Discord is, or why it is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.attached import File
from bots.discord.ignored import Ignored, Reason
from bots.discord.incoming import Asked, Bare, Edited, Worded, channel_of, of_edit, of_post
from bots.discord.posts import Answered, Post, Spot
from bots.discord.reference import Reference, decode
from core.channels.grammar import ThreadWord
from core.conversation.values import Asker, ChannelRef, Question, ThreadRef

GUILD, GENERAL, THREAD, DM = "700000000000000001", "710000000000000001", "720000000000000001", "730000000000000001"
BOT, ROLE, ANNA, BERT = "900000000000000001", "900000000000000002", "100000000000000001", "100000000000000002"
ID = "1425754366771200000"
AT = datetime(2025, 10, 9, 7, 58, 50, 273_000, tzinfo=UTC)

CHANNEL = ChannelRef("discord", GUILD, GENERAL)
IN_CHANNEL = Spot(GUILD, GENERAL, 0)
IN_THREAD = Spot(GUILD, THREAD, 11, GENERAL)
IN_DM = Spot(GUILD, DM, 1)  # for the guild that was found


def post(text: str = "where are the routes?", spot: Spot = IN_CHANNEL, **more: Any) -> Post:
    return Post(spot, ID, more.pop("kind", 0), ANNA, "Anna", text=text, member=True, **more)


def mention(text: str = f"<@{BOT}> where are the routes?", spot: Spot = IN_CHANNEL, **more: Any) -> Post:
    return post(text, spot, users=frozenset({BOT, *more.pop("users", ())}), **more)


def asked(post: Post) -> Asked:
    found = of_post(post, BOT)
    assert isinstance(found, Asked), found
    return found


def question(text: str, thread_id: str, reference: Reference, channel: ChannelRef = CHANNEL) -> Question:
    return Question(ThreadRef(channel, thread_id), ID, int(ID), Asker(ANNA, "Anna"), text, AT, reference.encode())


def test_a_mention_in_a_channel_asks_in_a_thread_that_has_its_own_id() -> None:
    expected = question("where are the routes?", ID, Reference(outsider=False))
    assert of_post(mention(), BOT) == Asked(expected, mentioned=True, direct=False, mentions_others=False)


@pytest.mark.parametrize("kind", [10, 11, 12])
def test_a_post_in_a_thread_asks_there_and_may_be_for_us(kind: int) -> None:
    spot = Spot(GUILD, THREAD, kind, GENERAL)
    expected = question("and now?", THREAD, Reference(in_thread=True, outsider=False))
    assert asked(post("and now?", spot)) == Asked(expected, mentioned=False, direct=False, mentions_others=False)
    assert asked(mention(f"<@{BOT}> and now?", spot)).mentioned


@pytest.mark.parametrize("kind", [2, 13])
def test_where_no_thread_can_be_opened_the_conversation_is_the_channel(kind: int) -> None:
    found = asked(mention(spot=Spot(GUILD, GENERAL, kind)))
    assert found.question.thread == ThreadRef(CHANNEL, GENERAL)
    assert decode(found.question.reference).in_thread


def test_a_direct_message_needs_no_mention_and_is_one_conversation() -> None:
    found = asked(post(spot=IN_DM))
    assert (found.direct, found.mentioned) == (True, False)
    assert found.question.thread == ThreadRef(ChannelRef("discord", GUILD, DM), DM)
    reference = decode(found.question.reference)
    assert (reference.direct, reference.in_thread) == (True, False)


def test_before_its_guild_is_found_a_direct_message_is_one_already() -> None:
    assert asked(post(spot=Spot("", DM, 1))).direct


def test_talk_in_a_channel_is_not_for_us() -> None:
    assert of_post(post(), BOT) == Ignored(Reason.NOT_FOR_US)
    assert of_post(post(everyone=True, text="@everyone where?"), BOT) == Ignored(Reason.NOT_FOR_US)
    assert of_post(post(users=frozenset({BERT}), roles=frozenset({"5"})), BOT) == Ignored(Reason.NOT_FOR_US)
    assert of_post(post(f"`<@{BOT}>` is how you call it"), BOT) == Ignored(Reason.NOT_FOR_US)


def test_our_own_role_means_us_and_another_role_does_not() -> None:
    ours = post(f"<@&{ROLE}> why?", roles=frozenset({ROLE}), our_role=ROLE)
    assert (asked(ours).question.text, asked(ours).mentions_others) == ("why?", False)
    assert of_post(replace(ours, our_role=""), BOT) == Ignored(Reason.NOT_FOR_US)


def test_a_reply_to_us_is_for_us_with_or_without_a_ping() -> None:
    to_us = Answered("1", BOT, "It lives in y.")
    for users in (frozenset({BOT}), frozenset[str]()):
        found = asked(post("since when?", kind=19, answers=to_us, users=users))
        assert (found.mentioned, found.mentions_others, found.question.text) == (True, False, "since when?")
        assert decode(found.question.reference).about_text == "It lives in y."
    in_thread = asked(post("since when?", IN_THREAD, kind=19, answers=to_us))
    assert in_thread.mentioned
    assert decode(in_thread.question.reference).about_text == ""


def test_a_reply_to_somebody_else_is_for_them_unless_it_mentions_us() -> None:
    to_bert = Answered("1", BERT, f"Login fails, <@{ANNA}>!")
    assert of_post(post(kind=19, answers=to_bert, users=frozenset({BERT})), BOT) == Ignored(Reason.NOT_FOR_US)
    found = asked(mention(kind=19, answers=to_bert, users={BERT}, names={ANNA: "Anna"}))
    assert (found.mentioned, found.mentions_others) == (True, True)
    assert decode(found.question.reference).about_text == "Login fails, @Anna!"
    assert asked(post(spot=IN_THREAD, kind=19, answers=to_bert)).mentions_others


def test_a_reply_whose_post_is_gone_is_a_question_about_nothing() -> None:
    found = asked(mention(kind=19, answers=Answered("1")))
    assert decode(found.question.reference).about_text == ""
    assert not found.mentions_others


@pytest.mark.parametrize(
    "calls",
    [{"users": frozenset({BERT})}, {"roles": frozenset({"5"})}, {"everyone": True}],
    ids=["person", "role", "everybody"],
)
def test_others_who_are_called_are_noticed(calls: dict[str, Any]) -> None:
    assert asked(post(spot=IN_THREAD, **calls)).mentions_others


def test_oneself_is_nobody_else() -> None:
    answers_own = post(spot=IN_THREAD, kind=19, answers=Answered("1", ANNA, "hm"), users=frozenset({ANNA}))
    assert not asked(answers_own).mentions_others


def test_a_call_without_words_is_bare() -> None:
    for each in (mention(f"<@{BOT}>"), mention(f" <@{BOT}> ", IN_THREAD), post("", IN_DM)):
        found = of_post(each, BOT)
        assert isinstance(found, Bare)
        assert found.question.text == ""
    assert of_post(post("", IN_THREAD), BOT) == Ignored(Reason.NOT_FOR_US)  # or its text is not shown to us


@pytest.mark.parametrize("word", list(ThreadWord))
def test_a_word_alone_steers_after_a_mention_and_in_direct_messages(word: ThreadWord) -> None:
    in_thread = of_post(mention(f"<@{BOT}> {word.upper()}!", IN_THREAD), BOT)
    assert isinstance(in_thread, Worded)
    assert (in_thread.word, in_thread.thread) == (word, ThreadRef(CHANNEL, THREAD))
    direct = of_post(post(word, IN_DM), BOT)
    assert isinstance(direct, Worded)
    assert direct.thread.thread_id == DM
    assert isinstance(of_post(post(word, IN_THREAD), BOT), Asked)
    assert isinstance(of_post(mention(f"<@{BOT}> {word} it please", IN_THREAD), BOT), Asked)


def test_a_word_in_a_channel_steers_the_thread_of_the_post_it_answers() -> None:
    found = of_post(mention(f"<@{BOT}> stop", kind=19, answers=Answered("740000000000000001", ANNA)), BOT)
    assert isinstance(found, Worded)
    assert found.thread == ThreadRef(CHANNEL, "740000000000000001")
    assert found.question.thread == ThreadRef(CHANNEL, ID)
    alone = of_post(mention(f"<@{BOT}> stop"), BOT)
    assert isinstance(alone, Worded)
    assert alone.thread == ThreadRef(CHANNEL, ID)


def test_files_come_along() -> None:
    files = (File("1", "trace.txt", "text/plain", 20, "https://cdn.discordapp.com/a"),)
    reference = decode(asked(mention(files=files, left_out=2)).question.reference)
    assert (reference.files, reference.left_out) == (files, 2)


IGNORED: dict[Reason, dict[str, Any]] = {
    Reason.OWN: {"author_id": BOT},
    Reason.BOT: {"bot": True},
    Reason.WEBHOOK: {"webhook": True, "bot": True},
    Reason.MALFORMED: {"message_id": "x"},
    Reason.GROUP: {"spot": Spot("", DM, 3)},
    Reason.NO_PLACE: {"spot": Spot(GUILD, GENERAL, None)},
}


@pytest.mark.parametrize("reason", IGNORED)
def test_what_is_never_a_question(reason: Reason) -> None:
    changed = replace(mention(edited=7), **IGNORED[reason])
    assert of_post(changed, BOT) == Ignored(reason)
    assert of_edit(changed, BOT) == Ignored(reason)


@pytest.mark.parametrize("kind", [1, 3, 6, 7, 8, 12, 18, 20, 21, 22, 23, 24, 46])
def test_system_messages_and_the_beginning_of_a_thread_are_no_questions(kind: int) -> None:
    assert of_post(mention(kind=kind), BOT) == Ignored(Reason.SYSTEM)
    assert of_post(mention(system=True), BOT) == Ignored(Reason.SYSTEM)


@pytest.mark.parametrize(
    "spot",
    [Spot(GUILD, THREAD, 11), Spot("", GENERAL, 0), Spot(GUILD, "x", 0), Spot("x", GENERAL, 0), Spot("", "", None)],
)
def test_a_place_that_cannot_be_told_is_none(spot: Spot) -> None:
    assert of_post(mention(spot=spot), BOT) == Ignored(Reason.NO_PLACE)


@pytest.mark.parametrize("message_id", ["", "0", "-1", "1e9", str(2**63), "9" * 19, "9" * 40])
def test_an_id_that_no_database_holds_is_malformed(message_id: str) -> None:
    assert of_post(replace(mention(), message_id=message_id), BOT) == Ignored(Reason.MALFORMED)


def test_an_edit_is_the_question_as_it_reads_now() -> None:
    found = of_edit(mention(edited=7), BOT)
    assert found == Edited(replace(asked(mention()).question, edited=7), mentioned=True)
    in_thread = of_edit(post(spot=IN_THREAD, edited=7), BOT)
    assert isinstance(in_thread, Edited)
    assert not in_thread.mentioned


def test_what_no_person_edited_is_unchanged() -> None:
    assert of_edit(mention(), BOT) == Ignored(Reason.UNCHANGED)


def test_edits_that_are_nothing_to_us() -> None:
    assert of_edit(post(edited=7), BOT) == Ignored(Reason.NOT_FOR_US)


def test_a_word_that_is_written_over_something_asks_nothing_new() -> None:
    in_thread = of_edit(mention(f"<@{BOT}> stop", IN_THREAD, edited=7), BOT)
    assert isinstance(in_thread, Edited)
    assert not in_thread.mentioned


def test_a_thread_belongs_to_its_channel_and_a_channel_to_itself() -> None:
    assert channel_of(IN_THREAD) == channel_of(IN_CHANNEL) == CHANNEL
    assert channel_of(Spot(GUILD, GENERAL, 0, "1")) == CHANNEL  # what stands above a channel is a category


odd = st.sampled_from(["", "0", "x", "\ud800", BOT, ANNA, ROLE, GUILD, "9" * 30, " 1", "１２３"])
spots = st.builds(Spot, odd, odd, st.one_of(st.none(), st.integers(-1, 20)), odd)
posts = st.builds(
    Post,
    spots,
    odd,
    st.integers(-1, 50),
    odd,
    st.text(),
    bot=st.booleans(),
    webhook=st.booleans(),
    system=st.booleans(),
    member=st.sampled_from([None, True]),
    text=st.one_of(st.text(), st.sampled_from(["stop", f"<@{BOT}>", f"<@{BOT}> stop"])),
    users=st.frozensets(odd),
    roles=st.frozensets(odd),
    everyone=st.booleans(),
    our_role=odd,
    answers=st.one_of(st.none(), st.builds(Answered, odd, odd, st.text())),
    edited=st.booleans(),
)


@given(posts)
def test_nothing_raises_and_every_question_can_be_stored(found: Post) -> None:
    for decided in (of_post(found, BOT), of_edit(found, BOT)):
        if not isinstance(decided, Ignored):
            asking = decided.question
            assert asking.thread.channel.channel_id.isascii()
            assert 0 < asking.order < 2**63
            assert asking.asker.user_id not in {"", BOT}
            assert not found.bot
            assert decode(asking.reference).encode() == asking.reference
