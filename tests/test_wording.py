"""Every failure has words of its own, with a next step, and without anything people must not read."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import errors, wording
from core.errors import AskrepoError, ChatError, Deadline
from core.wording import code, duration, sentence

CANARY = "cAnArY"
DETAIL = f"https://user:{CANARY}@internal.example.com/chat?token={CANARY}"
SAMPLES: list[AskrepoError] = [
    AskrepoError(DETAIL),
    errors.SettingsError("ASKREPO_CHAT_URL", "it is not a web address"),
    errors.SettingMissing("DISCORD_TOKEN", "it is needed for Discord"),
    errors.SettingsFileError("line 2 of .env is not NAME=value", "correct it, or begin it with #"),
    errors.SecretError("it is empty"),
    errors.CipherError(DETAIL),
    errors.KeyringError("it holds no key"),
    errors.UnknownKey("00ff00ff00ff00ff"),
    errors.Tampered(DETAIL),
    *(
        kind("PostgreSQL database askrepo at db.internal", f"{DETAIL}\nTraceback (most recent call last):")
        for kind in (
            errors.DatabaseError,
            errors.DatabaseUnavailable,
            errors.DatabaseUnreadable,
            errors.DatabaseTooNew,
        )
    ),
    errors.BackupError("`/srv/askrepo.db` is there already; name another folder"),
    errors.RepositoryNameError("cal.com", "it is one word; the owner is missing", "owner/cal.com"),
    errors.RepositoryPathError("/srv/code", "is no git repository"),
    errors.MappingError(DETAIL),
    errors.NotMapped(DETAIL),
    errors.NoDefault(DETAIL),
    errors.UnknownAlias("web", ("api", "github.com/acme/docs")),
    errors.UnknownAlias("web", ()),
    errors.UnknownAlias("flask", ("github.com/pallets/flask",), inline=False),
    errors.BadAlias("Web!"),
    errors.AliasTaken("web", "github.com/acme/web"),
    errors.NotMappedHere("github.com/acme/web"),
    errors.NothingAsked("github.com/acme/web"),
    errors.SeveralMapped(("github.com/acme/web", "github.com/acme/api")),
    errors.MappingGone("github.com/acme/web", suspended=True),
    errors.MappingGone("github.com/acme/web", suspended=False),
    errors.TokenGone(DETAIL),
    errors.NoTokenNeeded(DETAIL),
    errors.TokenForElsewhere("team token"),
    errors.TokenForElsewhere(""),
    errors.AccessError(DETAIL),
    errors.GuestsNotAllowed(DETAIL),
    errors.OutsidersNotAllowed(DETAIL),
    errors.AccessUnknown(DETAIL),
    errors.AudienceWidened(DETAIL),
    errors.LineFull("/var/lib/askrepo.db", DETAIL),
    errors.FormGone(),
    errors.Declined(),
    errors.NoRoom(),
    errors.TooLate(),
    *(errors.TooManyAsked(level, 42) for level in errors.Level),
    errors.BadPreference("instructions", "is longer than 2,000 characters"),
    errors.AllowanceSpent("chat.update", 600.0),
    *(
        kind(DETAIL, partial=partial)
        for kind in (
            ChatError,
            errors.TokenRefused,
            errors.TokenWanted,
            errors.UnknownModel,
            errors.UnknownRepository,
            errors.RepositoryIndexing,
            errors.ConversationTooLong,
            errors.RateLimited,
            errors.BadRequest,
            errors.ServiceUnavailable,
            errors.RepositoryAway,
            errors.RepositoryUnreadable,
            errors.RepositoryTooLarge,
            errors.NoGit,
            errors.CacheUnusable,
            errors.UnusableAnswer,
            errors.BrokenOff,
        )
        for partial in ("", "The first half of")
    ),
    errors.RateLimited(DETAIL, retry_after=90.0),
    errors.ServiceUnavailable(DETAIL, retry_after=3_600.0),
    *(errors.ChatTimeout(deadline, 30.0, partial=partial) for deadline in Deadline for partial in ("", "Half")),
    errors.DeliveryError(DETAIL),
    errors.PostUnknown(DETAIL),
    errors.PlaceGone(DETAIL),
    *(errors.PlaceGone(DETAIL, gone=gone) for gone in errors.Gone),
    errors.PlaceGone(DETAIL, gone=errors.Gone.PERMISSION, permission="Send Messages in Threads"),
    errors.NotYet(30.0),
    errors.PostGone(DETAIL),
    errors.NotAttached(DETAIL),
    errors.DeliveryFailed(DETAIL),
    errors.DeliveryUncertain(DETAIL),
    errors.PlatformAway(DETAIL),
    errors.GaveUp(DETAIL),
    errors.LeaseLost(DETAIL),
    errors.ServerError("127.0.0.1:3000", "address already in use"),
]
FORBIDDEN = re.compile(rf"{CANARY}|://|Traceback|internal|None|Error\b|\{{|\bobject at\b|File \"")


def tree(kind: type[AskrepoError]) -> Iterator[type[AskrepoError]]:
    """A class of core/errors.py and all below it."""
    if kind.__module__ == errors.__name__:
        yield kind
        for below in kind.__subclasses__():
            yield from tree(below)


def test_every_class_has_words_of_its_own() -> None:
    classes = set(tree(AskrepoError))
    assert classes == {type(sample) for sample in SAMPLES}
    said = {kind: {sentence(sample) for sample in SAMPLES if type(sample) is kind} for kind in classes}
    for kind, others in ((kind, classes - {kind}) for kind in classes):
        for other in others:
            assert not said[kind] & said[other], (kind, other)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_sentence_is_clear_and_clean(sample: AskrepoError) -> None:
    said = sentence(sample)
    assert not FORBIDDEN.search(said), said
    assert said[0].isupper() or said[0] in "`*"
    assert said.endswith(".")
    assert "\n" not in said
    assert ".." not in said
    assert "  " not in said
    assert said.count("`") % 2 == 0
    assert 20 <= len(said) <= 400
    if isinstance(sample, ChatError):
        assert ("cut off" in said) is bool(sample.partial)


def test_a_next_step_is_named() -> None:
    step = re.compile(
        r"[Tt]ry again|/askrepo|[Aa]sk |tell whoever|[Ww]rite it|[Uu]se up|Choose|Whoever|Invite|Copy it|can write|"
        r"update|wait|cannot work|is missing|cannot be used|no mappings to choose|no git repository|Write your|"
        r"open a new one|correct it"
    )
    assert [said for said in map(sentence, SAMPLES) if not step.search(said)] == []


def test_only_the_operator_reads_what_the_database_said() -> None:
    error = errors.DatabaseUnreadable("/srv/askrepo.db", "permission denied")
    assert "srv" not in sentence(error)
    assert "(`/srv/askrepo.db`: `permission denied`)" in sentence(error, operator=True)
    assert "whoever runs this bot" in sentence(error)
    assert "whoever runs this bot" not in sentence(error, operator=True)
    assert sentence(errors.NotMapped(), operator=True).endswith(". You can map one with `/askrepo map owner/name`.")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_whoever_runs_the_bot_is_not_sent_to_themselves(sample: AskrepoError) -> None:
    for said in (sentence(sample, operator=True), wording.to_operator(sentence(sample))):
        assert "whoever runs this bot" not in said.lower()
        assert "may manage this channel" not in said
        assert said.endswith((".", "`)"))
        assert not FORBIDDEN.search(said) or isinstance(sample, errors.DatabaseError)


def test_what_was_asked_is_named_where_it_is_known() -> None:
    repository = "github.com/acme/web"
    assert "`github.com/acme/web`" in sentence(errors.UnknownRepository(), repository=repository)
    for kind in (
        errors.RepositoryIndexing,
        errors.RepositoryAway,
        errors.RepositoryUnreadable,
        errors.RepositoryTooLarge,
    ):
        assert sentence(kind(), repository=repository).startswith("`github.com/acme/web` ")
    assert "`gpt-4o`" in sentence(errors.UnknownModel(), model="gpt-4o")


def test_a_class_of_somebody_else_gets_the_words_of_its_ancestor() -> None:
    class Special(errors.UnknownRepository):
        """A case that only the embedded service tells apart."""

    assert sentence(Special()) == sentence(errors.UnknownRepository())


HOSTILE = "x` **bold** <!channel> @everyone\n# head [text](https://evil.example.com) \u202e\x00" + "y" * 500


@pytest.mark.parametrize(
    "error",
    [
        errors.RepositoryNameError(HOSTILE, "it is one word", "owner/name"),
        errors.UnknownAlias(HOSTILE, (HOSTILE,)),
        errors.BadAlias(HOSTILE),
        errors.TokenForElsewhere(HOSTILE),
        errors.MappingGone(HOSTILE, suspended=True),
    ],
)
def test_what_people_wrote_stays_code(error: AskrepoError) -> None:
    said = sentence(error)
    outside = re.sub(r"`[^`]*`", "", said)
    assert "`" not in outside
    for mark in ("bold", "@everyone", "<!", "evil", "\n", "\u202e", "\x00", "yyy"):
        assert mark not in outside
    assert len(said) < 700


@given(st.text(max_size=300))
def test_code_is_one_short_harmless_span(text: str) -> None:
    shown = code(text)
    assert shown[0] == shown[-1] == "`"
    assert "`" not in shown[1:-1]
    assert shown.isprintable()
    assert len(shown) <= 123


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "1 second"),
        (0.2, "1 second"),
        (5.0, "5 seconds"),
        (59.5, "60 seconds"),
        (90.0, "90 seconds"),
        (91.0, "2 minutes"),
        (300.0, "5 minutes"),
        (5_401.0, "2 hours"),
        (86_400.0, "24 hours"),
    ],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_remarks_below_and_during_an_answer() -> None:
    assert wording.switched("github.com/acme/web") == "This thread is about `github.com/acme/web` from here on."
    assert wording.stopped() != wording.question_deleted()
    assert "cut off" in wording.ended_early("length")
    assert "cut off" in wording.ended_early("content_filter")
    assert [wording.ended_early(reason) for reason in ("stop", None, "", "tool_calls")] == [""] * 4
    assert "10 seconds" in wording.waiting("indexing", 10)
    assert len({wording.waiting(reason, 2) for reason in ("rate limited", "indexing", "unavailable")}) == 3
    assert "oldest turn was" in wording.shortened(1)
    assert "oldest 3 turns were" in wording.shortened(3)
