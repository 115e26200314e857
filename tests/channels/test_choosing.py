"""The order in which a repository is chosen, and what is never chosen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.channels.choosing import (
    Facts,
    Mapping,
    Rule,
    Verdict,
    WorkspaceDefault,
    choose,
    names_repository,
    trace,
)
from core.errors import MappingError, MappingGone, NotMapped, NotMappedHere, UnknownAlias

THEN = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
WEB, API, DOCS = "github.com/acme/web", "github.com/acme/api", "github.com/acme/docs"
SPACE, LAST = "github.com/acme/space", "github.com/acme/last"


def mapping(
    repository: str,
    alias: str | None = None,
    *,
    default: bool = False,
    suspended: bool = False,
    token: str | None = None,
) -> Mapping:
    return Mapping(repository, alias, default, token, "U1", THEN, THEN + timedelta(days=1) if suspended else None)


WEB_DEFAULT = mapping(WEB, "web", default=True, token="token-of-web")
API_TOO = mapping(API, "api", token="token-of-api")
FULL = Facts(
    thread_repository=API,
    mappings=(WEB_DEFAULT, API_TOO),
    workspace_default=WorkspaceDefault(SPACE, "U2", THEN),
    process_repository=LAST,
)


def refused(facts: Facts, text: str = "How?") -> MappingError:
    with pytest.raises(MappingError) as caught:
        choose(facts, text)
    return caught.value


def verdicts(facts: Facts, text: str = "How?") -> list[tuple[Rule, Verdict, str | None]]:
    return [(step.rule, step.verdict, step.repository) for step in trace(facts, text)]


def test_each_rule_decides_when_those_before_it_name_nothing() -> None:
    facts = FULL
    assert _brief(facts, "in:web How?") == (WEB, Rule.INLINE, "token-of-web", "How?", True)
    assert _brief(facts, "How?") == (API, Rule.THREAD, "token-of-api", "How?", False)
    facts = replace(facts, thread_repository=None)
    assert _brief(facts, "How?") == (WEB, Rule.CHANNEL, "token-of-web", "How?", False)
    facts = replace(facts, mappings=())
    assert _brief(facts, "How?") == (SPACE, Rule.WORKSPACE, None, "How?", False)
    facts = replace(facts, workspace_default=None)
    assert _brief(facts, "How?") == (LAST, Rule.PROCESS, None, "How?", False)
    assert type(refused(replace(facts, process_repository=None))) is NotMapped


def _brief(facts: Facts, text: str) -> tuple[str, Rule, str | None, str, bool]:
    choice = choose(facts, text)
    return choice.repository, decides(facts, text), choice.token_id, choice.text, choice.switched


def decides(facts: Facts, text: str = "How?") -> Rule:
    (rule,) = (step.rule for step in trace(facts, text) if step.verdict is Verdict.CHOSEN)
    return rule


@pytest.mark.parametrize(
    ("text", "repository", "rest"),
    [
        ("in:web How?", WEB, "How?"),
        ("  in:web\n How?\nReally?", WEB, "How?\nReally?"),
        ("In:web How?", WEB, "How?"),
        ("in:web, how?", WEB, "how?"),
        ("in:web: how?", WEB, "how?"),
        ("in:acme/api How?", API, "How?"),
        ("in:ACME/Api How?", API, "How?"),
        ("in:github.com/acme/api How?", API, "How?"),
        ("in:<https://github.com/acme/api|acme/api> How?", API, "How?"),
        ("in:https://github.com/acme/api/pull/3 How?", API, "How?"),
        ("in:acme/space How?", SPACE, "How?"),
        ("in:acme/last How?", LAST, "How?"),
        ("in:web", WEB, ""),
    ],
)
def test_inline_names_what_is_available_here(text: str, repository: str, rest: str) -> None:
    choice = choose(FULL, text)
    assert (choice.repository, decides(FULL, text), choice.text) == (repository, Rule.INLINE, rest)
    assert choice.switched is (repository != API)
    assert names_repository(text)


@pytest.mark.parametrize(
    "text", ["", "in: web How?", "main:web", "How about in:web?", "in the web", "inn:web", '"in:web"']
)
def test_only_the_beginning_of_a_question_is_inline(text: str) -> None:
    assert not names_repository(text)
    assert choose(FULL, text).text == text
    assert decides(FULL, text) is Rule.THREAD


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("in:nothing How?", UnknownAlias),
        ("in:Web How?", UnknownAlias),
        ("in:wеb How?", UnknownAlias),  # a Cyrillic е
        ("in:web.com How?", UnknownAlias),
        ("in:a/b/c How?", UnknownAlias),
        ("in:, How?", UnknownAlias),
        ("in:../../etc How?", UnknownAlias),
        ("in:acme/secret How?", NotMappedHere),
        ("in:gitlab.com/acme/web How?", NotMappedHere),
    ],
)
def test_inline_opens_nothing_by_accident(text: str, kind: type[MappingError]) -> None:
    error = refused(FULL, text)
    assert type(error) is kind
    if isinstance(error, UnknownAlias):
        assert error.known == ("web", "api")
    assert [step.verdict for step in trace(FULL, text)] == [Verdict.REFUSED, *[Verdict.NOT_REACHED] * 4]


def test_inline_credentials_are_not_repeated() -> None:
    error = refused(FULL, "in:https://user:cAnArY@localhost/o/n How?")
    assert isinstance(error, UnknownAlias)
    assert "cAnArY" not in error.alias


@pytest.mark.parametrize("default", [SPACE, LAST])
def test_a_thread_may_stay_on_a_default(default: str) -> None:
    assert _brief(replace(FULL, thread_repository=default), "How?") == (default, Rule.THREAD, None, "How?", False)


def test_a_thread_whose_repository_is_gone_is_refused_whatever_else_applies() -> None:
    error = refused(replace(FULL, thread_repository=DOCS))
    assert isinstance(error, MappingGone)
    assert (error.repository, error.suspended) == (DOCS, False)


def test_inline_leads_out_of_a_thread_whose_repository_is_gone() -> None:
    choice = choose(replace(FULL, thread_repository=DOCS), "in:web How?")
    assert (choice.repository, choice.switched) == (WEB, True)


def test_a_name_mapped_anew_in_another_spelling_is_still_the_threads() -> None:
    facts = replace(FULL, thread_repository="github.com/Acme/API")
    assert _brief(facts, "How?") == (API, Rule.THREAD, "token-of-api", "How?", False)


SUSPENDED = replace(
    FULL,
    thread_repository=None,
    mappings=(mapping(WEB, "web", default=True, suspended=True), mapping(API, "api", suspended=True)),
)


@pytest.mark.parametrize("text", ["How?", "in:web How?", "in:api How?", "in:acme/web How?", "in:acme/space How?"])
@pytest.mark.parametrize("thread", [None, WEB, API, SPACE, LAST])
def test_nothing_at_all_is_chosen_while_the_channel_is_suspended(text: str, thread: str | None) -> None:
    error = refused(replace(SUSPENDED, thread_repository=thread), text)
    assert isinstance(error, MappingGone)
    assert error.suspended


def test_what_an_admin_maps_after_the_suspension_is_chosen() -> None:
    facts = replace(SUSPENDED, mappings=(mapping(WEB, "web", suspended=True), mapping(DOCS, "docs", default=True)))
    assert choose(facts, "How?").repository == DOCS
    assert isinstance(refused(facts, "in:web How?"), MappingGone)
    assert isinstance(refused(facts, "in:acme/space How?"), MappingGone)


def test_mappings_without_a_default_leave_the_choice_to_the_workspace() -> None:
    facts = replace(FULL, thread_repository=None, mappings=(API_TOO,))
    assert choose(facts, "How?").repository == SPACE
    assert isinstance(refused(replace(facts, mappings=(replace(API_TOO, suspended_at=THEN),))), MappingGone)


def test_the_trace_shows_every_rule_and_who_set_it() -> None:
    assert verdicts(FULL) == [
        (Rule.INLINE, Verdict.NOTHING, None),
        (Rule.THREAD, Verdict.CHOSEN, API),
        (Rule.CHANNEL, Verdict.NOT_REACHED, WEB),
        (Rule.WORKSPACE, Verdict.NOT_REACHED, SPACE),
        (Rule.PROCESS, Verdict.NOT_REACHED, LAST),
    ]
    assert [(step.set_by, step.set_at) for step in trace(FULL, "How?")] == [
        (None, None),
        ("U1", THEN),
        ("U1", THEN),
        ("U2", THEN),
        (None, None),
    ]


def test_the_trace_of_nothing_is_nothing() -> None:
    assert verdicts(Facts()) == [(rule, Verdict.NOTHING, None) for rule in Rule]


repositories = st.sampled_from([WEB, API, DOCS, SPACE, LAST, "github.com/Acme/Web"])
some_facts = st.builds(
    Facts,
    thread_repository=st.none() | repositories,
    mappings=st.lists(
        st.builds(mapping, repositories, st.none() | st.sampled_from(["web", "api", "docs"]), suspended=st.booleans()),
        max_size=4,
        unique_by=(lambda each: each.repository.lower(), lambda each: each.alias or each.repository),
    ).map(lambda made: tuple(replace(each, is_default=number == 0) for number, each in enumerate(made))),
    workspace_default=st.none() | st.builds(WorkspaceDefault, repositories, st.just("U2"), st.just(THEN)),
    process_repository=st.none() | repositories,
)
questions = st.sampled_from(["How?", "in:web How?", "in:acme/docs How?", "in:acme/secret How?", "in:x/y/z"]) | st.text()


@given(some_facts, questions)
@settings(max_examples=500)
def test_only_what_is_available_is_ever_chosen(facts: Facts, text: str) -> None:
    steps = trace(facts, text)
    assert [step.rule for step in steps] == list(Rule)
    decided = [step for step in steps if step.verdict in {Verdict.CHOSEN, Verdict.REFUSED}]
    assert len(decided) <= 1
    if not decided or decided[0].verdict is Verdict.REFUSED:
        assert type(refused(facts, text)) is (type(decided[0].refusal) if decided else NotMapped)
        return
    choice = choose(facts, text)
    own = {each.repository: each for each in facts.mappings}
    defaults = {facts.process_repository, facts.workspace_default and facts.workspace_default.repository}
    assert choice.repository in own or choice.repository in defaults
    if choice.repository in own:
        assert not own[choice.repository].suspended
        assert choice.token_id == own[choice.repository].token_id
    else:
        assert not any(each.suspended for each in facts.mappings)
        assert choice.token_id is None
    assert choice.repository == decided[0].repository
    assert text.endswith(choice.text)
