"""What a response stands for, row by row; and that none of its words go on."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core.chat.contract import ErrorBody
from core.chat.refusals import in_answer, refusal, retry_after
from core.errors import (
    BadRequest,
    ChatError,
    ConversationTooLong,
    RateLimited,
    RepositoryIndexing,
    RepositoryTooLarge,
    ServiceUnavailable,
    TokenRefused,
    UnknownModel,
    UnknownRepository,
    UnusableAnswer,
)
from tests.chat.asking import check_harmless

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)

PAGE = b"<html><body>canary <pre>Traceback (most recent call last): canary</pre></body></html>"


def error(**fields: Any) -> bytes:
    return json.dumps({"error": {"message": "canary", "type": None, "param": None, "code": None, **fields}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, error(code="invalid_api_key"), TokenRefused),
        (401, error(message="repository is being indexed, context length, model"), TokenRefused),
        (403, b"", TokenRefused),
        (403, PAGE, TokenRefused),
        (404, error(code="model_not_found"), UnknownModel),
        (404, error(param="model"), UnknownModel),
        (404, error(message="The model `repo-coder` does not exist"), UnknownModel),
        (404, error(param="repo_name", message="no such model of a repository"), UnknownRepository),
        (404, error(code="repository_not_found"), UnknownRepository),
        (404, error(message="Repository github.com/o/model-zoo not found"), UnknownRepository),
        (
            404,
            error(message="Could not find github.com/acme/data-model", type="invalid_request_error"),
            UnknownRepository,
        ),
        (404, error(message="The model `acme/repo-coder` does not exist"), UnknownModel),
        (404, error(message="not found"), UnknownRepository),
        (404, error(message="Repository acme/indexing-service not found"), UnknownRepository),
        (404, error(message="`github.com/acme/context-window` is not known", param="repo_name"), UnknownRepository),
        (400, error(message="no access to (github.com/acme/indexing.api)"), BadRequest),
        (404, error(message="github.com/acme/indexing is not yet indexed"), RepositoryIndexing),
        (404, error(message="repository not indexed yet"), RepositoryIndexing),
        (404, b"", BadRequest),
        (404, PAGE, BadRequest),
        (404, b'{"detail":"Not Found"}', BadRequest),
        (409, b"", RepositoryIndexing),
        (409, error(code="conflict"), RepositoryIndexing),
        (503, error(code="repository_indexing", message="Indexing, try later"), RepositoryIndexing),
        (413, b"", ConversationTooLong),
        (413, PAGE, ConversationTooLong),
        (400, error(code="context_length_exceeded"), ConversationTooLong),
        (400, error(message="This model's maximum context length is 8192 tokens"), ConversationTooLong),
        (422, error(message="prompt is too long: 9 tokens > 8"), ConversationTooLong),
        (400, error(code="conversation_too_long"), ConversationTooLong),
        (400, error(param="temperature"), BadRequest),
        (400, b"", BadRequest),
        (422, b'{"detail":[{"loc":["body"]}]}', BadRequest),
        (405, PAGE, BadRequest),
        (418, b"", BadRequest),
        (404, error(code="repository_too_large", param="model"), RepositoryTooLarge),
        (422, error(code="repository_too_large_for_us"), BadRequest),
        (408, b"", ServiceUnavailable),
        (429, b"", RateLimited),
        (429, PAGE, RateLimited),
        (429, error(message="Too many tokens, please wait", type="rate_limit_error"), RateLimited),
        (429, error(message="input too long for 30000 tokens a minute"), RateLimited),
        (500, error(message="canary at 10.0.0.1"), ServiceUnavailable),
        (500, b"\xff\xfe", ServiceUnavailable),
        (502, PAGE, ServiceUnavailable),
        (503, b"", ServiceUnavailable),
        (504, b"[]", ServiceUnavailable),
        (599, b"", ServiceUnavailable),
        (301, b"", UnusableAnswer),
        (308, PAGE, UnusableAnswer),
        (304, b"", UnusableAnswer),
        (201, b"", UnusableAnswer),
        (204, b"", UnusableAnswer),
        (206, b"", UnusableAnswer),
        (999, b"", UnusableAnswer),
        (100, b"", UnusableAnswer),
    ],
)
def test_a_status_and_its_body(status: int, body: bytes, kind: type[ChatError]) -> None:
    meant = refusal(status, {}, body, NOW)
    assert type(meant) is kind
    assert meant.partial == ""
    check_harmless(meant, "canary", "10.0.0.1", "html")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, ServiceUnavailable),
        ({"message": "boom"}, ServiceUnavailable),
        ({"code": "server_error"}, ServiceUnavailable),
        ({"code": 503}, ServiceUnavailable),
        ({"code": "429"}, RateLimited),
        ({"code": 429}, RateLimited),
        ({"type": "rate_limit_error"}, RateLimited),
        ({"code": "insufficient_quota"}, RateLimited),
        ({"code": "invalid_api_key", "type": "invalid_request_error"}, TokenRefused),
        ({"type": "authentication_error"}, TokenRefused),
        ({"type": "permission_error"}, TokenRefused),
        ({"code": "model_not_found", "type": "invalid_request_error"}, UnknownModel),
        ({"code": "repository_not_found"}, UnknownRepository),
        ({"code": "context_length_exceeded", "type": "invalid_request_error"}, ConversationTooLong),
        ({"code": "context_length_exceeded"}, ConversationTooLong),
        ({"message": "This model's maximum context length is 8192 tokens"}, ConversationTooLong),
        ({"message": "Too many tokens, please wait", "type": "rate_limit_error"}, RateLimited),
        ({"code": "repository_indexing"}, RepositoryIndexing),
        ({"code": "repository_too_large"}, RepositoryTooLarge),
        ({"type": "invalid_request_error"}, BadRequest),
        ({"code": 10**30}, ServiceUnavailable),
    ],
)
def test_an_error_inside_an_answer(fields: dict[str, Any], kind: type[ChatError]) -> None:
    assert type(in_answer(ErrorBody.model_validate(fields))) is kind


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("5", 5),
        (" 5 ", 5),
        ("1.5", 1.5),
        ("007", 7),
        ("-5", None),
        ("+5", None),
        ("1e3", None),
        ("nan", None),
        ("inf", None),
        ("٣", None),
        ("5, 7", None),
        ("soon", None),
        ("86401", 86_400),
        ("9" * 400, 86_400),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sun, 22 Nov 2026 13:00:30 +0100", 30),
        ("Sun, 22 Nov 2026 12:00:30 -0000", 30),
        ("Sunday, 22-Nov-26 12:00:30 GMT", 30),
        ("Sun Nov 22 12:00:30 2026", 30),
        ("Sun, 22 Nov 2020 12:00:30 GMT", 0),
        ("Sun, 22 Nov 9999 12:00:30 GMT", 86_400),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
        ("Sun, 22 Nov 99999999999 12:00:30 GMT", None),
        ("Sun, 22 Nov 2026 12:00:30 +9999", None),
    ],
)
def test_retry_after_in_every_form(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds
    for status in (429, 503):
        meant = refusal(status, {} if value is None else {"retry-after": value}, b"", NOW)
        assert isinstance(meant, RateLimited | ServiceUnavailable)
        assert meant.retry_after == seconds
