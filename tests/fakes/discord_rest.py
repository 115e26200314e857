"""The HTTP side: /api/v10 and the attachments' CDN."""

from __future__ import annotations

import json
import time
from typing import Any

from aiohttp import web

import tests.fakes.discord_commands
import tests.fakes.discord_reading
import tests.fakes.discord_responses
import tests.fakes.discord_threads  # noqa: F401  each registers its routes
from tests.fakes.discord_errors import DiscordError, NotFound
from tests.fakes.discord_events import Events
from tests.fakes.discord_routes import NOTHING, Asked, Route, check_ids, find
from tests.fakes.discord_values import Call, Json

PREFIX = "/api/v10"
_IN_FLIGHT = 0.25  # seconds of the real clock in which a request may have left before its sender heard of the last 401


class Rest:
    """Routes over a world."""

    def __init__(self, world: Events) -> None:
        self._world = world
        self._refused: dict[str, float] = {}  # tokens that were answered 401, and when

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", PREFIX + "{path:/.*}", self._api),
            web.get("/attachments/{channel}/{file}/{name}", self._attachment),
        ]

    async def _api(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        found, template, ids = find(request.method, path)
        parsed: Any = {}
        files: dict[str, tuple[str, bytes, str]] = {}
        try:
            parsed, files = await _body(request)
            status, answer = self._answer(request, found, ids, parsed, files)
        except DiscordError as error:
            status, answer = error.status, error.body()
            if error.mistake:
                self._world.violated(error.code, f"{request.method} {template}", f"{error.path} {error.detail}".strip())
        body = parsed if isinstance(parsed, dict) else {"": parsed}
        kept = tuple((name, content) for name, content, _ in files.values())
        call = Call(request.method, template, ids, dict(request.query), body, status, answer, self._world.clock(), kept)
        self._world.calls.append(call)
        self._world.change()
        return _response(status, answer, {})

    def _answer(
        self,
        request: web.Request,
        found: Route | None,
        ids: dict[str, str],
        parsed: Any,
        files: dict[str, tuple[str, bytes, str]],
    ) -> tuple[int, Any]:
        if found is None:
            raise NotFound
        self._authenticate(request, found)
        check_ids(ids)
        answer = found.handler(
            Asked(self._world, f"{found.method} {found.template}", ids, dict(request.query), parsed, files)
        )
        return (204, None) if answer is NOTHING else (found.status, answer)

    def _authenticate(self, request: web.Request, found: Route) -> None:
        given = request.headers.get("Authorization", "")
        where = f"{found.method} {found.template}"
        if found.exempt:
            return
        if given == f"Bot {self._world.token}" and self._world.token_alive:
            return
        known = self._refused.setdefault(given, time.monotonic())
        if time.monotonic() - known > _IN_FLIGHT:
            self._world.violated("called_after_401", where)
        raise DiscordError(0)

    async def _attachment(self, request: web.Request) -> web.Response:
        """Whoever has the address may read it; a bot token has no business here."""
        file = self._world.files.get(request.match_info["file"])
        if "Authorization" in request.headers:
            self._world.violated("token_to_cdn", request.path)
        if file is None:
            return web.Response(status=404, text="This content is no longer available.")
        return web.Response(body=file.content, headers={"Content-Type": file.content_type})


def _response(status: int, answer: Any, headers: dict[str, str]) -> web.Response:
    told = {"Via": "1.1 fake", **headers}
    if status == 204:
        return web.Response(status=204, headers=told)
    return web.Response(status=status, body=json.dumps(answer).encode(), content_type="application/json", headers=told)


async def _body(request: web.Request) -> tuple[Any, dict[str, tuple[str, bytes, str]]]:
    """The JSON of a body and the files beside it; 50109 where it is none."""
    files: dict[str, tuple[str, bytes, str]] = {}
    if request.content_type == "multipart/form-data":
        payload: Any = "{}"
        for name, part in (await request.post()).items():
            if isinstance(part, web.FileField):
                files[name] = (part.filename, part.file.read(), part.content_type)
            elif name == "payload_json":
                payload = part
        return _loads(payload), files
    raw = await request.read()
    return (_loads(raw) if raw else {}), files


def _loads(raw: str | bytes) -> Json:
    try:
        return json.loads(raw)  # type: ignore[no-any-return]
    except ValueError:
        raise DiscordError(50109) from None
