"""What an event of Slack is, or why it is none."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bots.attached import File
from bots.slack.ignored import Ignored, Reason
from bots.slack.incoming import Asked, Bare, Deleted, Edited, Worded, of_event
from bots.slack.installed import Installed
from bots.slack.reference import Reference, decode
from core.channels.grammar import ThreadWord
from core.conversation.values import Asker, ChannelRef, Question, ThreadRef
from tests.slack.payloads import ANNA, BERT, BOT, CODE, HOME, ROOT, TS, Json, event, part, payload

INSTALLED = Installed(HOME, None, BOT)
CHANNEL = ChannelRef("slack", HOME, CODE)
OWN_PERSON = Reference(HOME, foreign=False)


def question(text: str, root: str = TS, reference: Reference = OWN_PERSON) -> Question:
    at = datetime(2025, 10, 9, 8, 55, 0, 200, tzinfo=UTC)
    return Question(ThreadRef(CHANNEL, root), TS, 1760000100000200, Asker(ANNA), text, at, reference.encode())


def asked(envelope: Json) -> Asked:
    found = of_event(envelope)
    assert isinstance(found, Asked), found
    return found


def edited(*, message: Json | None = None, before: Json | None = None, **changes: object) -> Json:
    envelope = event("message_changed", **changes)
    inner = part(envelope, "event")
    for key, replaced in (("message", message), ("previous_message", before)):
        if replaced is not None:
            inner[key] = {**part(inner, key), **replaced}
    return envelope


def test_both_events_of_one_post_are_the_same_question() -> None:
    expected = Asked(
        question=question("where are the routes?"),
        mentioned=True,
        direct=False,
        mentions_others=False,
        installed=INSTALLED,
    )
    assert of_event(payload("message")) == expected
    assert of_event(payload("app_mention")) == expected
    assert of_event(payload("app_mention", event_id="Ev0000000002", event_time=1760000999)) == expected


def test_a_mention_is_known_without_an_authorization() -> None:
    found = asked(payload("app_mention", authorizations=...))
    assert (found.question.text, found.mentioned, found.mentions_others) == ("where are the routes?", True, False)


def test_that_a_mention_is_one_is_believed_in_a_channel_of_our_own() -> None:
    assert asked(event("app_mention", text=f"<@{BERT}> look")).mentioned


def test_a_direct_message_needs_no_mention() -> None:
    found = asked(payload("message_im"))
    assert (found.direct, found.mentioned, found.question.text) == (True, False, "where are the routes?")
    assert asked(event("message_im", channel_type=...)).direct
    assert asked(event("message_im", channel_type="app_home")).direct


def test_a_reply_in_a_thread_is_left_to_the_caller() -> None:
    found = asked(payload("message_thread_reply"))
    assert found.question == question("and the tests?", ROOT, Reference(HOME, foreign=False, in_thread=True))
    assert (found.mentioned, found.direct) == (False, False)


def test_the_root_of_a_thread_is_no_reply() -> None:
    found = asked(event("message", thread_ts=TS, reply_count=2))
    assert found.question.thread.thread_id == TS
    assert not decode(found.question.reference).in_thread
    assert of_event(event("message_plain", thread_ts=TS)) == Ignored(Reason.NOT_FOR_US)


@pytest.mark.parametrize("name", ["message_file_share", "message_thread_broadcast", "message_me"])
def test_what_people_write_is_a_question_whatever_its_subtype(name: str) -> None:
    assert asked(payload(name)).mentioned


def test_files_come_with_the_question() -> None:
    url = "https://files.slack.com/files-pri/T0HOME0001-F0FILE0001/routes.py"
    reference = decode(asked(payload("message_file_share")).question.reference)
    assert reference.files == (File("F0FILE0001", "routes.py", "text/plain", 120, url),)


@pytest.mark.parametrize("name", ["message", "app_mention"])
def test_what_is_shared_comes_with_the_question(name: str) -> None:
    attachments = [{"is_share": True, "is_msg_unfurl": True, "text": "KeyError: 'sid'"}]
    found = asked(event(name, attachments=attachments)).question
    assert found == question("where are the routes?", reference=replace(OWN_PERSON, about_text="KeyError: 'sid'"))


def test_a_message_whose_link_unfurls_later_asks_nothing() -> None:
    attachments = [{"is_msg_unfurl": True, "text": "KeyError: 'sid'"}]
    assert of_event(edited(message={**SAME, "attachments": attachments})) == Ignored(Reason.UNCHANGED)


@pytest.mark.parametrize(
    ("text", "others"),
    [
        (f"<@{BOT}> look", False),
        (f"<@{BOT}|askrepo> look", False),
        (f"<@{BOT}> ask <@{BERT}>", True),
        (f"<@{BOT}> and <!here>", True),
        (f"<@{BOT}> and <!subteam^S0TEAM0001|@devs>", True),
        (f"<@{BOT}> on <!date^1760000000^{{date}}|9 October>", False),
        (f"<@{BOT}> in <#C0OTHER001|other>", False),
    ],
)
def test_whether_others_are_called(text: str, others: bool) -> None:
    assert asked(event("message", text=text)).mentions_others is others


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"<@{BOT}>, where?", "where?"),
        (f"<@{BOT}>: where?", "where?"),
        (f"<@{BOT}> :wave: hi", ":wave: hi"),
        (f"<@{BOT}> <@{BOT}> where?", "where?"),
        (f"hey <@{BOT}>, where?", "hey, where?"),
        (f"where is it <@{BOT}>", "where is it"),
        (f"can you <@{BOT}|askrepo> look", "can you look"),
        (f"<@{BOT}> why a &lt; b &amp;&amp; c?", "why a < b && c?"),
        (f"<@{BOT}> what is &amp;lt;?", "what is &lt;?"),
        (f"<@{BOT}>\u200b what\u202e is it?", "what is it?"),
        (f"<@{BOT}>\n```a &gt; b```", "```\na > b\n```"),
        (f"<@{BOT}X> who?", f"@{BOT}X who?"),
    ],
)
def test_the_mention_is_no_part_of_the_question(text: str, left: str) -> None:
    assert asked(event("message", text=text, thread_ts=ROOT)).question.text == left


@pytest.mark.parametrize("text", [f"<@{BOT}>", f" <@{BOT}> ", f"<@{BOT}>: ", f"<@{BOT}>\u200b\u2063"])
def test_a_mention_alone_is_bare(text: str) -> None:
    thread = ThreadRef(CHANNEL, TS)
    expected = Bare(thread, TS, Asker(ANNA), INSTALLED)
    assert of_event(event("app_mention", text=text)) == expected
    assert of_event(event("message", text=text)) == Ignored(Reason.TOLD_TWICE)
    assert of_event(event("message", text=text, channel_type="mpim")) == expected


def test_a_file_alone_is_bare_in_a_direct_message_and_nothing_in_a_thread() -> None:
    files = part(payload("message_file_share"), "event")["files"]
    assert isinstance(of_event(event("message_im", text=None, files=files, subtype="file_share")), Bare)
    assert of_event(event("message_thread_reply", text="", files=files)) == Ignored(Reason.NOT_FOR_US)


@pytest.mark.parametrize("word", list(ThreadWord))
def test_a_word_steers_after_a_mention_or_in_a_direct_thread(word: ThreadWord) -> None:
    after_mention = of_event(event("app_mention", text=f"<@{BOT}> {word.upper()}!", thread_ts=ROOT))
    reference = Reference(HOME, foreign=False, in_thread=True)
    thread = ThreadRef(CHANNEL, ROOT)
    assert after_mention == Worded(word, thread, TS, 1760000100000200, Asker(ANNA), reference, INSTALLED)
    assert isinstance(of_event(event("message_im", text=str(word), thread_ts=ROOT)), Worded)
    assert isinstance(of_event(event("message_im", text=str(word))), Asked)
    assert isinstance(of_event(event("message_thread_reply", text=str(word))), Asked)


@pytest.mark.parametrize("kind", ["channel", "group"])
def test_a_word_after_a_mention_is_acted_on_by_one_of_its_two_events(kind: str) -> None:
    """Each may reach another process, and neither process knows of the other's."""
    stop: Json = {"text": f"<@{BOT}> stop", "thread_ts": ROOT, "channel_type": kind}
    assert of_event(event("message", **stop)) == Ignored(Reason.TOLD_TWICE)
    assert isinstance(of_event(event("app_mention", **stop)), Worded)
    assert isinstance(of_event(event("message", **{**stop, "text": f"<@{BOT}> stop where?"})), Asked)


@pytest.mark.parametrize(
    ("changes", "around"),
    [
        ({"channel_type": "im"}, {}),
        ({"channel_type": "mpim"}, {}),
        ({"channel_type": ...}, {}),
        ({"subtype": "thread_broadcast"}, {}),
        ({}, {"is_ext_shared_channel": True}),
    ],
)
def test_where_no_second_event_is_certain_a_word_counts_by_its_message(changes: Json, around: Json) -> None:
    envelope = event("message", text=f"<@{BOT}> stop", thread_ts=ROOT, **changes) | around
    assert isinstance(of_event(envelope), Worded)


@pytest.mark.parametrize("text", ["help", "map acme/widgets", "status", "list"])
def test_commands_are_questions_where_there_are_no_commands(text: str) -> None:
    assert asked(event("message_im", text=text)).question.text == text
    assert asked(event("message", text=f"<@{BOT}> {text}")).question.text == text


def test_an_edit_brings_the_new_words() -> None:
    expected = Edited(
        question=replace(question("where are the new routes?"), edited=1760000200000000),
        mentioned=True,
        was_mentioned=True,
        installed=INSTALLED,
    )
    assert of_event(payload("message_changed")) == expected


@pytest.mark.parametrize(
    ("before", "after", "mentioned"),
    [("where?", f"<@{BOT}> where?", (False, True)), (f"<@{BOT}> where?", "where?", (True, False))],
)
def test_an_edit_may_add_or_take_the_mention(before: str, after: str, mentioned: tuple[bool, bool]) -> None:
    found = of_event(edited(message={"text": after}, before={"text": before}))
    assert isinstance(found, Edited)
    assert (found.was_mentioned, found.mentioned, found.question.text) == (*mentioned, "where?")


def test_an_edit_without_what_stood_before() -> None:
    found = of_event(edited(previous_message=...))
    assert isinstance(found, Edited)
    assert found.was_mentioned is None
    old: Json = {"edited": {"user": ANNA, "ts": "1759990000.000000"}}
    assert of_event(edited(message=old, previous_message=...)) == Ignored(Reason.UNCHANGED)


def test_an_edit_in_a_thread_or_a_direct_message_needs_no_mention() -> None:
    plain: Json = {"text": "before", "thread_ts": ROOT}
    assert isinstance(of_event(edited(message={**plain, "text": "after"}, before=plain)), Edited)
    assert isinstance(of_event(edited(message={"text": "after"}, before={"text": "before"}, channel_type="im")), Edited)


SAME: Json = {"text": f"<@{BOT}> where are the routes?"}


@pytest.mark.parametrize(
    "envelope",
    [
        edited(message=SAME),
        edited(message={**SAME, "attachments": [{"from_url": "https://example.com"}]}),
        edited(message={**SAME, "reply_count": 3, "thread_ts": TS, "latest_reply": TS}),
        edited(message={**SAME, "edited": ...}),
        edited(message={"text": "somehow different", "edited": None}),
        edited(message={"text": f"<@{BOT}>   where are the routes? "}),
    ],
)
def test_an_edit_that_leaves_the_words_alone_is_none(envelope: Json) -> None:
    assert of_event(envelope) == Ignored(Reason.UNCHANGED)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"user": BOT, "bot_id": "B0OURS0001", "text": "more", "streaming_state": "in_progress"}, Reason.OWN),
        ({"user": "U0OTHERBOT", "bot_id": "B0OTHER001", "text": "more"}, Reason.BOT),
        ({"subtype": "assistant_app_thread"}, Reason.SYSTEM),
        ({"subtype": "bot_message"}, Reason.BOT),
        ({"user": None}, Reason.MALFORMED),
        ({"text": 7}, Reason.MALFORMED),
    ],
)
def test_an_edit_of_what_was_no_question(changes: Json, reason: Reason) -> None:
    assert of_event(edited(message=changes)) == Ignored(reason)


def test_an_edit_of_talk_among_others_is_not_for_us() -> None:
    assert of_event(edited(message={"text": "b"}, before={"text": "a"})) == Ignored(Reason.NOT_FOR_US)


def test_a_deletion() -> None:
    expected = Deleted(CHANNEL, TS, None, INSTALLED)
    assert of_event(payload("message_deleted")) == expected
    assert of_event(payload("message_tombstone")) == replace(expected, within=TS)
    assert of_event(event("message_deleted", previous_message=...)) == expected


@pytest.mark.parametrize("word", ["stop", "Unmute."])
def test_an_edit_into_a_word_that_steers_asks_nothing(word: str) -> None:
    found = of_event(edited(message={"text": f"<@{BOT}> {word}"}, before={"text": f"<@{BOT}> mute"}))
    assert isinstance(found, Edited)
    assert not found.mentioned


def test_a_deletion_of_a_post_of_ours_is_told_that_of_another_bot_is_not() -> None:
    before = part(payload("message_deleted"), "event", "previous_message")
    ours = event("message_deleted", previous_message={**before, "user": BOT, "thread_ts": ROOT})
    assert of_event(ours) == Deleted(CHANNEL, TS, ROOT, INSTALLED)
    other = event("message_deleted", previous_message={**before, "bot_id": "B0OTHER001"})
    assert of_event(other) == Ignored(Reason.BOT)
    assert of_event(event("message_deleted", deleted_ts=None, previous_message=None)) == Ignored(Reason.MALFORMED)


PASSED_OVER: list[tuple[Json, Reason]] = [
    (event("message", text=f"<@{BOT}>"), Reason.TOLD_TWICE),
    (event("message", text=f"<@{BOT}> token set sekrit-1234"), Reason.TOLD_TWICE),
    (payload("message_own"), Reason.OWN),
    (event("message", user=BOT), Reason.OWN),
    (event("message_own", user="U0STRANGE1"), Reason.OWN),
    (payload("message_of_bot"), Reason.BOT),
    (event("app_mention", user="U0OTHERBOT", bot_id="B0OTHER001"), Reason.BOT),
    (event("message_im", bot_profile={"id": "B0OTHER001"}), Reason.BOT),
    (payload("message_of_webhook"), Reason.BOT),
    (event("message_im", user="USLACKBOT"), Reason.BOT),
    (payload("message_of_workflow"), Reason.WORKFLOW),
    (payload("message_channel_join"), Reason.SYSTEM),
    (event("message", subtype="message_replied"), Reason.SYSTEM),
    (event("message", subtype="assistant_app_thread"), Reason.SYSTEM),
    (event("message", subtype="something_new"), Reason.SYSTEM),
    (event("message", hidden=True), Reason.HIDDEN),
    (event("message", is_ephemeral=True), Reason.HIDDEN),
    (payload("message_plain"), Reason.NOT_FOR_US),
    (event("message_plain", channel_type="mpim"), Reason.NOT_FOR_US),
    (event("message_plain", text=f"<@{BERT}> look"), Reason.NOT_FOR_US),
    ({**event("app_mention", text=f"<@{BERT}> look"), "is_ext_shared_channel": True}, Reason.ANOTHER_BOT),
    (event("member_left_channel", user=ANNA), Reason.SOMEBODY_ELSE),
    (payload("message", team_id=None, context_team_id=None, authorizations=None), Reason.NO_WORKSPACE),
    (payload("channel_shared", team_id=None, context_team_id=None, authorizations=[]), Reason.NO_WORKSPACE),
    (payload("app_rate_limited"), Reason.UNUSED),
    ({"type": "url_verification", "challenge": "scrubbed"}, Reason.UNUSED),
    ({}, Reason.UNUSED),
    (event("message", type="reaction_added"), Reason.UNUSED),
    (event("tokens_revoked", tokens={"oauth": [ANNA]}), Reason.UNUSED),
    (payload("message", event=None), Reason.MALFORMED),
    *(
        (event("message", **{key: odd}), Reason.MALFORMED)
        for key, odds in {
            "text": (None, ..., 7, ["a"]),
            "user": (None, ..., "", 7, "<@U1>", {"id": ANNA}),
            "ts": (None, ..., "", 1760000100.0002, "1760000100", "1760000100.2", "-1.000000", "\u0661.000000"),
            "thread_ts": ("soon", 7.5, {"a": 1}, "1.2"),
            "channel": (None, ..., 7, {"id": CODE}, "C 1"),
            "subtype": (7, ["a"], {}),
            "type": (None, ..., 7),
        }.items()
        for odd in odds
    ),
]


@pytest.mark.parametrize(("envelope", "reason"), PASSED_OVER)
def test_what_is_passed_over_and_why(envelope: Json, reason: Reason) -> None:
    assert of_event(envelope) == Ignored(reason)


def test_every_reason_is_reached() -> None:
    assert {reason for _, reason in PASSED_OVER} | {Reason.UNCHANGED} == set(Reason)


def test_ten_thousand_edits_of_other_things_ask_nothing() -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    extras: list[Json] = [
        {"attachments": [{"from_url": "https://example.com", "title": "A page"}]},
        {"reply_count": 2, "thread_ts": TS, "latest_reply": ROOT, "reply_users": [BERT]},
        {"reactions": [{"name": "eyes", "count": 1, "users": [BERT]}]},
        {"edited": {"user": ANNA, "ts": "1760000150.000000"}},
        {"edited": {"user": ANNA, "ts": "1760000200.000000"}},
        {"is_locked": True},
        {"files": [{"id": "F0FILE0001", "mode": "tombstone"}]},
        {"blocks": [{"type": "rich_text", "elements": []}]},
        {"pinned_to": [CODE]},
        {"bot_id": "B0OTHER001", "text": "so far", "streaming_state": "in_progress"},
        {"user": BOT, "text": "so far", "streaming_state": "completed"},
    ]
    for _ in range(10_000):
        changes = {key: value for extra in dice.sample(extras, dice.randint(1, 4)) for key, value in extra.items()}
        before: Json = dice.choice([{}, {"thread_ts": TS}])
        found = of_event(edited(message={**SAME, **changes}, before=before))
        assert isinstance(found, Ignored), f"seed {seed}: {changes}"


def test_a_text_longer_than_slack_takes_is_read_as_far_as_a_message_can_go() -> None:
    """Reading takes time by the character, and the loop has other things to do."""
    assert len(asked(event("message_im", text="x" * 40_000)).question.text) == 40_000
    assert len(asked(event("message_im", text="x" * 1_000_000)).question.text) == 100_000
