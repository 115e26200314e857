"""Tokens of known shapes are found wherever they stand in a text; what only looks a little like one is left alone."""

from __future__ import annotations

import base64
import email
import json
import random
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from core.channels.pasted import holds_token
from tests.linear import is_linear

ALPHANUMERIC, HEX = string.ascii_letters + string.digits, "0123456789abcdef"
URL_SAFE = f"{ALPHANUMERIC}-_"
CHANCE = random.Random("tokens")


def drawn(characters: str, length: int) -> str:
    return "".join(CHANCE.choices(characters, k=length))


def jwt() -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": drawn("0123456789", 10), "iat": 1516239022})
    return ".".join([*(coded(json.dumps(part)) for part in parts), drawn(URL_SAFE, 43)])


def coded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


SHAPES: dict[str, Callable[[], str]] = {
    "GitHub": lambda: f"gh{CHANCE.choice('pousr')}_{drawn(ALPHANUMERIC, 36)}",
    "GitHub, fine-grained": lambda: f"github_pat_{drawn(ALPHANUMERIC, 22)}_{drawn(ALPHANUMERIC, 59)}",
    "GitLab": lambda: f"glpat-{drawn(URL_SAFE, 20)}",
    "OpenAI, old": lambda: f"sk-{drawn(ALPHANUMERIC, 20)}T3BlbkFJ{drawn(ALPHANUMERIC, 20)}",
    "OpenAI": lambda: f"sk-proj-{drawn(URL_SAFE, 156)}",
    "Anthropic": lambda: f"sk-ant-api03-{drawn(URL_SAFE, 93)}AA",
    "DeepSeek": lambda: f"sk-{drawn(HEX, 32)}",
    "OpenRouter": lambda: f"sk-or-v1-{drawn(HEX, 64)}",
    "Slack, bot": lambda: f"xoxb-{drawn('0123456789', 12)}-{drawn('0123456789', 13)}-{drawn(ALPHANUMERIC, 24)}",
    "Slack, app": lambda: f"xapp-1-A{drawn('0123456789', 10)}-{drawn('0123456789', 13)}-{drawn(HEX, 64)}",
    "Slack, rotated": lambda: f"xoxe.xoxp-1-{drawn(ALPHANUMERIC, 160)}",
    "Discord": lambda: f"{coded('1' + drawn('0123456789', 17))}.{drawn(URL_SAFE, 6)}.{drawn(URL_SAFE, 38)}",
    "Google": lambda: f"AIza{drawn(URL_SAFE, 35)}",
    "AWS": lambda: f"AKIA{drawn(string.ascii_uppercase + '234567', 16)}",
    "Stripe": lambda: f"sk_live_{drawn(ALPHANUMERIC, 24)}",
    "npm": lambda: f"npm_{drawn(ALPHANUMERIC, 36)}",
    "PyPI": lambda: f"pypi-AgEIcHlwaS5vcmc{drawn(URL_SAFE, 160)}",
    "Hugging Face": lambda: f"hf_{drawn(string.ascii_letters, 34)}",
    "SendGrid": lambda: f"SG.{drawn(URL_SAFE, 22)}.{drawn(URL_SAFE, 43)}",
    "DigitalOcean": lambda: f"dop_v1_{drawn(HEX, 64)}",
    "Telegram": lambda: f"{drawn('123456789', 10)}:AA{drawn(URL_SAFE, 33)}",
    "Vault": lambda: f"hvs.{drawn(URL_SAFE, 90)}",
    "a JWT": jwt,
    "of no known issuer": lambda: f"Authorization: Bearer {drawn(ALPHANUMERIC, 40)}",
    "a private key": lambda: f"-----BEGIN RSA PRIVATE KEY-----\nMII{drawn(f'{ALPHANUMERIC}+/', 61)}",
    "a password in a URL": lambda: f"https://bot:{drawn(URL_SAFE, 20)}@git.example.org/o/n",
}
AROUND = (
    "{}",
    "my token is {}.",
    "`{}`",
    "why does this fail: GIT_TOKEN='{}' make",
    'curl -d \'{{"key": "{}"}}\' gives 401',
    "first line\n{}\nlast line",
)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_found_wherever_it_stands(shape: str) -> None:
    CHANCE.seed(shape)
    samples = [CHANCE.choice(AROUND).format(SHAPES[shape]()) for _ in range(100)]
    assert [each for each in samples if not holds_token(each)][1:] == []


@pytest.mark.parametrize(
    "before", ["https://oauth2:{}@github.com/o/n", "https://{}@github.com/o/n", "/o/n?token={}&a=1"]
)
def test_it_is_found_in_a_url(before: str) -> None:
    assert holds_token(before.format(SHAPES["GitHub"]()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "what came with 9fceb02d0ae598e95dc970b74767f19372d61af8?",
        "is sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 the image?",
        "where is the token 6ba7b810-9dad-11d1-80b4-00c04fd430c8 made?",
        "where does the token go?",
        "what are ghp_, sk- and xoxb- for?",
        "is it ghp_…, ghp_xxx or ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx?",
        "GITHUB_TOKEN=ghp_YourPersonalAccessTokenHere",
        "OPENAI_API_KEY=sk-your-api-key-goes-right-here-1",
        "SLACK_BOT_TOKEN=xoxb-your-bot-token-1234",
        "what draws .sk-folding-cube2 and .sk-loading-spinner-container-large?",
        "who reads task-0aB1cD2eF3gH4iJ5kL6 and disk-0aB1cD2eF3gH4iJ5kL6?",
        "is JWTAuthenticationMiddleware2 used?",
        "why does each JWT begin with eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9?",
        "is AKIAIOSFODNN7EXAMPLE in the docs?",
        "headers = {'Authorization': f'Bearer {token}'}",
        "Authorization: Bearer <your-personal-access-token>",
        "who parses Bearer oauth2_bearer_scheme_of_api?",
        "postgres://user:password@localhost:5432/db",
        "postgres://postgres:postgres@db/app",
        "https://oauth2:${GITLAB_ACCESS}@gitlab.com/o/n.git",
        "redis://:{secret}@cache:6379/0",
        "git clone ssh://git@github.com:22/o/n, or git@github.com:o/n?",
        "http://localhost:8080/@scope/package",
        'if "-----BEGIN PRIVATE KEY-----" in text:',
        "who calls ModuleWithAVeryLongName12.method.and_another_long_attribute_name?",
    ],
)
def test_what_is_none(text: str) -> None:
    assert not holds_token(text)


def test_code_holds_none() -> None:
    folders = [Path(module.__file__ or "").parent for module in (json, email)] + [Path("core"), Path("bots")]
    lines = [line for folder in folders for file in folder.rglob("*.py") for line in file.read_text().splitlines()]
    assert len(lines) > 20_000
    assert [line for line in lines if holds_token(line)] == []


@pytest.mark.parametrize(
    "unit", ["ghp_", "sk-", "sk-b1-abcdef", "eyJ", "eyJabcdefghij.", "://", "://a:", "Bearer ", "1:AA"]
)
def test_a_long_text_takes_no_long_time(unit: str) -> None:
    assert is_linear(holds_token, unit, 40_000)
    assert is_linear(lambda text: holds_token(f"sk-b1-{text}"), "abcdef", 40_000)
