"""The wire: what /chat accepts, how it refuses, what it sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from core.chat.contract import Completion
from core.localchat.repos import Repositories
from core.localchat.server import serving
from core.secret import Secret
from tests.localchat.asking import Asker, content, conversation
from tests.localchat.conftest import Opened
from tests.localchat.repository import make

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one server for all

ASKED = {"messages": conversation("gross price"), "model": "gpt-4o", "stream": False}
NAME = {"repo_name": "local/acme/shop"}


def error_of(response: httpx.Response) -> Any:
    """The error of a refusal, which has the contract's form and gives nothing away."""
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert "Traceback" not in response.text
    return error


async def test_a_whole_answer_has_the_form_of_the_contract(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        response = await asker.post("gross price")
    answer = response.json()
    assert response.status_code == 200
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "askrepo-extractive"
    assert answer["usage"] is None
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["role"] == "assistant"
    parsed = Completion.model_validate(answer)
    assert parsed.choice.message is not None
    assert parsed.choice.message.content == choice["message"]["content"]


async def test_a_stream_has_the_form_of_the_contract_and_the_same_text(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        whole = await asker.answer("gross price")
        chunks = await asker.streamed("gross price")
    assert chunks.pop() == "[DONE]"
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[-1]["choices"][0]["delta"] == {}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert content(chunks) == whole
    assert len(chunks) > 20, "a stream is to be seen streaming"


async def test_what_cannot_be_answered_is_refused_in_the_contracts_form(shop: Path, opened: Opened) -> None:
    last_not_user = {**ASKED, "messages": conversation("a", "b")}
    blank = {**ASKED, "messages": conversation(" \n")}
    cases: list[tuple[dict[str, Any], int, str | None, str]] = [
        ({"json": ASKED}, 400, "repo_name", "invalid_repo_name"),
        ({"json": ASKED, "params": {"repo_name": ""}}, 400, "repo_name", "invalid_repo_name"),
        ({"json": ASKED, "params": {"repo_name": ["local/acme/shop"] * 2}}, 400, "repo_name", "invalid_repo_name"),
        ({"json": ASKED, "params": {"repo_name": "local/acme/other"}}, 404, "repo_name", "repository_not_found"),
        ({"json": ASKED, "params": {"repo_name": "example.org/o/n"}}, 404, "repo_name", "repository_not_found"),
        ({"content": b"{", "params": NAME}, 400, None, "invalid_body"),
        ({"content": b"\xff\xfe", "params": NAME}, 400, None, "invalid_body"),
        ({"content": b"[]", "params": NAME}, 400, None, "invalid_body"),
        ({"content": b"[" * 100_000, "params": NAME}, 400, None, "invalid_body"),
        (
            {"content": rb'{"messages":[{"role":"user","content":"\ud800"}],"model":"m"}', "params": NAME},
            400,
            None,
            "invalid_body",
        ),
        ({"json": {**ASKED, "messages": []}, "params": NAME}, 400, "messages", "invalid_body"),
        ({"json": {**ASKED, "messages": "hello"}, "params": NAME}, 400, "messages", "invalid_body"),
        ({"json": {**ASKED, "temperature": 3}, "params": NAME}, 400, "temperature", "invalid_body"),
        ({"json": {"messages": ASKED["messages"]}, "params": NAME}, 400, "model", "invalid_body"),
        ({"json": last_not_user, "params": NAME}, 400, "messages", "no_question"),
        ({"json": blank, "params": NAME}, 400, "messages", "no_question"),
        ({"content": b" " * (1 << 20) + b"{}", "params": NAME}, 413, None, "request_too_large"),
    ]
    async with opened(shop) as asker:
        for request, status, param, code in cases:
            response = await asker.client.post(f"{asker.url}/chat", **request)
            error = error_of(response)
            assert (response.status_code, error["param"], error["code"]) == (status, param, code), request
            assert error["type"] == "invalid_request_error"


async def test_a_body_without_length_is_cut_off_at_the_limit(shop: Path, opened: Opened) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    async with opened(shop) as asker:
        response = await asker.client.post(f"{asker.url}/chat", params=NAME, content=endless())
    assert response.status_code == 413
    error_of(response)


async def test_names_that_try_paths_reach_no_file_and_no_host(shop: Path, tmp_path: Path) -> None:
    asked_of: list[str] = []

    def clone_url(name: str) -> str:
        asked_of.append(name)
        return f"http://127.0.0.1:9/{name}"

    repositories = Repositories(tmp_path / "cache", clone_url=clone_url, protocols=frozenset({"http"}))
    repositories.add(shop)
    tricks = ["../x", "local/../../etc", "local/acme/../shop", "/etc/passwd", "local/acme", "local//acme/shop", "a/b"]
    tricks += ["github.com/o/..", "github.com/../../o/n", "localhost/o/n", "127.0.0.1/o/n", "[::1]/o/n", "x.org:80/o/n"]
    tricks += [
        "-oProxy.com/o/n",
        "x.org/-o/n",
        "x.org/o/n\n",
        "x.org/o/n\0",
        "x.org/o/n.git",
        "https://x.org/o/n",
        "x.org/o/n?",
    ]
    tricks += [
        "x.org/o/%2e%2e",
        "x.org/o/n#a",
        "user@x.org/o/n",
        "x.org\\o\\n",
        "x.org/o/" + "n" * 300,
        ".",
        "file:///etc",
        "ext::sh",
    ]
    async with serving(repositories, token=None) as url, httpx.AsyncClient() as client:
        for name in tricks:
            response = await client.post(f"{url}/chat", params={"repo_name": name}, json=ASKED)
            assert response.status_code in {400, 404}, name
            assert error_of(response)["param"] == "repo_name"
        unregistered = await client.post(f"{url}/chat", params={"repo_name": "local/etc/passwd"}, json=ASKED)
        assert unregistered.status_code == 404
    assert asked_of == []
    assert not (tmp_path / "cache").exists()


async def test_other_routes_are_refused_in_the_same_form(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        assert (await asker.client.get(f"{asker.url}/healthz")).status_code == 200
        for method, path, status in [
            ("GET", "/chat", 405),
            ("POST", "/chat/", 404),
            ("GET", "/", 404),
            ("PUT", "/x", 404),
        ]:
            response = await asker.client.request(method, f"{asker.url}{path}")
            assert response.status_code == status
            error_of(response)
        got = await asker.client.get(f"{asker.url}/chat")
        assert got.headers["allow"] == "POST"
        assert got.json()["error"]["message"] == "GET /chat is not served here; POST is."


async def test_a_token_is_asked_for(shop: Path, tmp_path: Path) -> None:
    repositories = Repositories(tmp_path / "cache", clone=False)
    name = repositories.add(shop)
    wrong = [
        b"",
        b"Bearer",
        b"Bearer other",
        b"s3cret-a",
        b"Basic s3cret-a",
        b"Bearer s3cret-",
        b"Bearer \xff",
    ]
    async with serving(repositories, token=Secret("s3cret-a")) as url, httpx.AsyncClient() as client:
        for value in wrong:
            headers = [(b"Authorization", value)] if value else []
            response = await client.post(f"{url}/chat", params={"repo_name": name}, content=b"{", headers=headers)
            assert response.status_code == 401
            assert error_of(response)["code"] == "invalid_api_key"
            assert response.headers["www-authenticate"] == "Bearer"
        asker = Asker(client, url, name, {"Authorization": "bearer s3cret-a", "Origin": "https://example.org"})
        assert (await asker.post("gross price")).status_code == 200
        doubled = [("Authorization", "Bearer s3cret-a"), ("Authorization", "Bearer s3cret-a")]
        assert (await client.post(f"{url}/chat", params=NAME, json=ASKED, headers=doubled)).status_code == 401


async def test_without_a_token_no_web_page_is_answered(shop: Path, opened: Opened) -> None:
    async with opened(shop) as asker:
        for headers in ({"Origin": "https://example.org"}, {"Origin": "null"}, {"Host": "evil.example"}, {"Host": ""}):
            asker.headers = headers
            response = await asker.post("gross price")
            assert response.status_code == 403
            assert error_of(response)["code"] == "forbidden"
        for host in ("localhost:1", "127.0.0.1", "[::1]:80"):
            asker.headers = {"Host": host}
            assert (await asker.post("gross price")).status_code == 200


async def test_git_away_while_serving_is_a_503(
    shop: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with opened(shop) as asker:
        monkeypatch.setenv("PATH", str(tmp_path))
        response = await asker.post("gross price")
    assert response.status_code == 503
    assert error_of(response)["code"] == "git_missing"
    assert "git is not installed" in error_of(response)["message"]


async def test_a_registered_folder_that_vanished_is_a_404_without_its_path(tmp_path: Path, opened: Opened) -> None:
    top = make(tmp_path / "gone", {"a.py": "a = 1\n"})
    async with opened(top) as asker:
        top.rename(tmp_path / "elsewhere")
        response = await asker.post("what is a?")
    assert response.status_code == 404
    assert error_of(response)["message"] == "The repository's folder does not exist."
