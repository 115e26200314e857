"""What follows `/askrepo` is a command only if it fits one, else a question; a clear mistake is told as one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.channels.grammar import (
    Ask,
    Command,
    Default,
    Help,
    List,
    Map,
    Mistake,
    Settings,
    Status,
    ThreadWord,
    Token,
    TokenAction,
    Unmap,
    Why,
    gives_token,
    parse,
    thread_word,
)
from core.errors import AskrepoError, BadAlias, RepositoryNameError

NAME = "github.com/owner/name"
GIVEN = f"ghp_{'cAnArY0123456789' * 2}abcd"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Help()),
        ("  \n", Help()),
        ("help", Help()),
        ("Help!", Help()),
        ("map owner/name", Map(NAME)),
        ("Map https://github.com/owner/name/tree/main", Map(NAME)),
        ("map <https://github.com/owner/name|owner/name>", Map(NAME)),
        ("map `owner/name`", Map(NAME)),
        ("map: owner/name", Map(NAME)),
        ("map owner/name as web", Map(NAME, "web")),
        ("MAP  owner/name   AS   web ", Map(NAME, "web")),
        ("unmap", Unmap()),
        ("unmap owner/name", Unmap(NAME)),
        ("unmap web", Unmap(alias="web")),
        ("list", List()),
        ("list.", List()),
        ("why", Why()),
        ("why?", Why()),
        ("why in:web", Why("in:web")),
        ("why In:owner/name", Why("In:owner/name")),
        ("status", Status()),
        ("STATUS", Status()),
        ("token", Token()),
        ("token show", Token()),
        ("token workspace", Token(of_workspace=True)),
        ("token set", Token(TokenAction.SET)),
        ("token set workspace", Token(TokenAction.SET, of_workspace=True)),
        ("token remove", Token(TokenAction.REMOVE)),
        ("Token Remove Workspace", Token(TokenAction.REMOVE, of_workspace=True)),
        ("token set hunter2", Token(TokenAction.SET, pasted=True)),
        ("token set cAnArY-0123456789 workspace", Token(TokenAction.SET, of_workspace=True, pasted=True)),
        ("token cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("token set workspace cAnArY-0123456789", Token(TokenAction.SET, of_workspace=True, pasted=True)),
        ("token workspace cAnArY-0123456789", Token(TokenAction.SET, of_workspace=True, pasted=True)),
        ("token remove cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("token show workspace cAnArY-0123456789", Token(TokenAction.SET, of_workspace=True, pasted=True)),
        ("token set Bearer cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("token set acme/shop cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("token set for web: `cAnArY-0123456789`", Token(TokenAction.SET, pasted=True)),
        ("token for web sk-cAnArY0123456789", Token(TokenAction.SET, pasted=True)),
        ("token sk-cAnArY0123456789 please", Token(TokenAction.SET, pasted=True)),
        ("token of acme is Bearer cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("set token cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("add token cAnArY-0123456789 workspace", Token(TokenAction.SET, of_workspace=True, pasted=True)),
        ("token: cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("token, cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("token,sk-cAnArYcAnArYcAnArY", Token(TokenAction.SET, pasted=True)),
        ("token - cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("Token:cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("token：cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),  # as Chinese keyboards have it
        ("token=cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("token = cAnArY-0123456789 workspace", Token(TokenAction.SET, of_workspace=True, pasted=True)),
        ("token=sk-cAnArYcAnArYcAnArY please", Token(TokenAction.SET, pasted=True)),
        ('"token": "sk-cAnArYcAnArYcAnArY"', Token(TokenAction.SET, pasted=True)),
        ("*token*: set hunter2", Token(TokenAction.SET, pasted=True)),
        ("token: set ghp_cAnArYcAnArYcAnArY", Token(TokenAction.SET, pasted=True)),
        ("token set:hunter2", Token(TokenAction.SET, pasted=True)),
        ("token set= cAnArY-0123456789 for web", Token(TokenAction.SET, pasted=True)),
        ("token workspace: cAnArY-0123456789", Token(TokenAction.SET, of_workspace=True, pasted=True)),
        ("set token: cAnArY-0123456789", Token(TokenAction.SET, pasted=True)),
        ("set: token=sk-cAnArYcAnArYcAnArY", Token(TokenAction.SET, pasted=True)),
        ("token: remove", Token(TokenAction.REMOVE)),
        (f"map owner/name {GIVEN}", Token(TokenAction.SET, pasted=True)),
        (f"map https://oauth2:{GIVEN}@github.com/o/n please", Token(TokenAction.SET, pasted=True)),
        ("map https://bot:cAnArY-0123456789@github.com/o/n please", Token(TokenAction.SET, pasted=True)),
        (f"default owner/name {GIVEN}", Token(TokenAction.SET, pasted=True)),
        (f"update token {GIVEN}", Token(TokenAction.SET, pasted=True)),
        (f"use token {GIVEN}", Token(TokenAction.SET, pasted=True)),
        (f"my token is {GIVEN}.", Token(TokenAction.SET, pasted=True)),
        (f"key={GIVEN}", Token(TokenAction.SET, pasted=True)),
        (f"`{GIVEN}`", Token(TokenAction.SET, pasted=True)),
        (f"why does ?access_token={GIVEN}&page=2 give 401?", Token(TokenAction.SET, pasted=True)),
        ("settings", Settings()),
        ("Settings?", Settings()),
        ("default owner/name", Default(NAME)),
        ("Default `owner/name`", Default(NAME)),
        ("default none", Default(None)),
        ("default None.", Default(None)),
    ],
)
def test_a_command(text: str, command: Command) -> None:
    assert parse(text) == command
    assert gives_token(text) == (isinstance(command, Token) and command.pasted)


@pytest.mark.parametrize(
    "text",
    [
        "map lookups, how do they work?",
        "map and filter",
        "map src/core to the design",
        "map owner/name please",
        "map /etc/passwd to what?",
        "unmap the viewport when?",
        "list all endpoints",
        "list?all",
        "why is the sky blue?",
        "why in:web is it slow?",
        "why not",
        "status of the build",
        "help me understand the router",
        "token rotation, where?",
        "token: rotation, where?",
        "token, what is it for?",
        "token set, where?",
        "token = None, where is that set?",
        "token=None",
        "token: in oauth2_token_store.py, where?",
        "token: set up for CI",
        "token-based sessions of the v2 API",
        "token.refresh_access_v2",
        "token_store=redis_cluster_2",
        "set: token expiry, where?",
        "list: all endpoints",
        "status: who sets it?",
        "map, filter and reduce",
        "token expiry",
        "token set up",
        "token set up for CI",
        "token set in which module?",
        "token show expiry",
        "token remove sessions-module",
        "token of a workspace",
        "token url of OAuth2PasswordBearer?",
        "token in oauth2_token_store.py, where?",
        "token from bearer header, who reads it?",
        "set token expiry, where?",
        "add token",
        "replace everything",
        "set",
        "settings, how do they work?",
        "settings of the build",
        "default none of them",
        "default owner/name please",
        "default owner/name as web",
        "default arguments, where are they set?",
        "how does login work?",
        "in:web how?",
        "mapping",
        "*bold* claims",
        "?",
        "ⅿap owner/name",  # begins with a Roman numeral
        "what is ghp_… for?",
        "map owner/name ghp_xxxxxxxxxxxxxxxxxxxx",
        "where is the token of postgres://user:password@localhost/db read?",
    ],
)
def test_a_question(text: str) -> None:
    assert parse(text) == Ask(text)
    assert parse(f"  {text}\n") == Ask(text)
    assert not gives_token(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("map", RepositoryNameError),
        ("map foo", RepositoryNameError),
        ("map lookups?", RepositoryNameError),
        ("map foo as bar", RepositoryNameError),
        ("map https://localhost/o/n", RepositoryNameError),
        ("map owner/name as", BadAlias),
        ("map owner/name as Web", BadAlias),
        ("map owner/name as my web", BadAlias),
        ("map owner/name as -x", BadAlias),
        ("default", RepositoryNameError),
        ("default foo", RepositoryNameError),
        ("default arguments?", RepositoryNameError),
        ("unmap FOO", RepositoryNameError),
        ("unmap a/b/c", RepositoryNameError),
    ],
)
def test_a_mistake_is_better_than_a_wrong_question(text: str, kind: type[AskrepoError]) -> None:
    command = parse(text)
    assert isinstance(command, Mistake)
    assert type(command.error) is kind


@given(
    st.from_regex(
        r"token[:=,]? (workspace[:=]? )?((set|show|remove)[:=]? )?(workspace[:=]? )?[A-Za-z0-9_-]{16,40}( workspace)?",
        fullmatch=True,
    )
)
def test_a_token_in_a_command_is_kept_nowhere(text: str) -> None:
    value = text.removesuffix(" workspace").split()[-1]
    command = parse(text)
    if "set" in re.split(r"[:=,\s]+", text) or (any(map(str.isdigit, value)) and any(map(str.isalpha, value))):
        assert isinstance(command, Token)
        assert command.pasted
        assert value not in repr(command)


@given(
    st.text()
    | st.builds(
        " ".join, st.lists(st.sampled_from(["map", "unmap", "list", "why", "token", "as", "a/b", "web", "?", "in:x"]))
    )
)
def test_any_text_is_a_command_or_a_question(text: str) -> None:
    command = parse(text)
    if isinstance(command, Ask):
        assert command.text == text.strip()
        assert command.text
    assert thread_word(text) in {None, *ThreadWord}


@pytest.mark.parametrize("word", list(ThreadWord))
@pytest.mark.parametrize("form", ["{}", "{}!", " {}. ", "*{}*", "`{}`", "{}…", "({})", "\n{}?"])
def test_a_word_steers_a_thread_if_it_stands_alone(word: ThreadWord, form: str) -> None:
    assert thread_word(form.format(word.value)) is word
    assert thread_word(form.format(word.value.upper())) is word
    assert thread_word(form.format(word.value.capitalize())) is word


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "stop it",
        "please stop",
        "stop stop",
        "don't stop",
        "stopp",
        "ｓtop",
        "ſtop",
        "st op",
        "new question",
        "renew",
    ],
)
def test_anything_else_steers_nothing(text: str) -> None:
    assert thread_word(text) is None
