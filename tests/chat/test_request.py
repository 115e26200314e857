"""What a request says, and what of a conversation is left out when it is too long."""

from __future__ import annotations

import random
from urllib.parse import parse_qsl

import httpx
import pytest

from core.chat import request
from core.chat.contract import Message
from core.errors import TokenRefused
from core.secret import Secret
from tests.chat.asking import check_harmless


def talk(*texts: str) -> list[Message]:
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [Message.model_validate({"role": roles[text[0]], "content": text}) for text in texts]


@pytest.mark.parametrize(
    ("messages", "kept", "dropped"),
    [
        ("u1 a1 u2", "u2", 1),
        ("s u1 a1 u2 a2 u3 a3 u4", "s u3 a3 u4", 2),
        ("s u1 a1 u2 a2 s2 u3 a3 u4 a4 u5", "s s2 u3 a3 u4 a4 u5", 2),
        ("u1 a1111111111 u2 a2 u3", "u2 a2 u3", 1),
        ("u1 a1 u2 a2222222222 u3", "u3", 2),
        ("u1 a1 u2 u3", "u2 u3", 1),
        ("u1 u2 a2 u3 a3 s u4 u5", "u3 a3 s u4 u5", 2),
        ("a1 u2 a2 u3 a3 u4", "u3 a3 u4", 2),
        ("a1 u2", "u2", 1),
    ],
)
def test_the_oldest_turns_go_until_half_is_left(messages: str, kept: str, dropped: int) -> None:
    assert request.without_oldest(talk(*messages.split())) == (talk(*kept.split()), dropped)


@pytest.mark.parametrize("messages", ["u1", "s u1", "s s u1", "u1 u2 u3", "s u1 s u2"])
def test_the_question_and_system_messages_are_never_dropped(messages: str) -> None:
    assert request.without_oldest(talk(*messages.split())) is None


def test_dropping_keeps_order_and_always_helps() -> None:
    chance = random.Random(1)
    for _ in range(500):
        messages = talk(
            *(chance.choice("sua") + "x" * chance.randint(0, 50) for _ in range(chance.randint(0, 20))), "u"
        )
        fewer = request.without_oldest(messages)
        if fewer is None:
            assert not any(message.role == "assistant" for message in messages)
            continue
        kept, dropped = fewer
        assert dropped >= 1
        assert len(kept) < len(messages)
        assert kept[-1] == messages[-1]
        assert [m for m in kept if m.role == "system"] == [m for m in messages if m.role == "system"]
        rest = iter(messages)
        assert all(any(message is other for other in rest) for message in kept)


NAMES = [
    "a&token=x",
    "a#b",
    "a\r\nX: y",
    "../..",
    "a?b=c",
    "a;b",
    "a+b",
    "a%26b",
    "a b",
    "ü/日本",
    "\x00",
    "=",
    "x" * 9_000,
]


def test_a_repository_name_is_one_parameter_whatever_it_holds() -> None:
    chance = random.Random(2)
    url = httpx.URL("https://chat.example.com/chat")
    for _ in range(300):
        name = "".join(chance.choices([*NAMES, "/", "&", "=", "%", "repo_name="], k=chance.randint(1, 6)))
        target = httpx.Request("POST", url, params=request.query("/chat", name)).url.raw_path.decode()
        path, _, query = target.partition("?")
        assert path == "/chat"
        assert parse_qsl(query, keep_blank_values=True, max_num_fields=1) == [("repo_name", name)]
        assert not set(target) & set("\r\n #\x00")


@pytest.mark.parametrize(
    "token", ["bad-canary\n", "bad-canary\r\nX: y", "bad-canary\x00", "bad canary", "bad-canarü", ""]
)
def test_a_token_no_header_can_carry_is_refused_and_not_quoted(token: str) -> None:
    try:
        sent = request.headers(Secret(token), stream=True)
    except TokenRefused as error:
        check_harmless(error, "canar")
    else:
        assert sent["Authorization"] == f"Bearer {token.strip()}"
        assert token == "bad-canary\n"  # what pasting leaves at the ends is dropped, as everywhere


@pytest.mark.parametrize(
    ("path", "openai"),
    [
        ("/chat", False),
        ("/v1/chat/completions", True),
        ("/chat/completions", True),
        ("/v1/chat/completions/", True),
        ("/completions", False),
    ],
)
def test_the_dialect_follows_the_path(path: str, openai: bool) -> None:
    assert request.speaks_openai(path) is openai
    assert (request.query(path, "h.example/o/n") == {}) is openai
    body = request.body(path, "h.example/o/n", talk("u1"), model="m", stream=False, temperature=None).decode()
    assert ("h.example/o/n" in body) is openai
