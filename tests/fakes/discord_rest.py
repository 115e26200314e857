"""The HTTP side: /api/v10 and the attachments' CDN."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from aiohttp import web

import tests.fakes.discord_commands
import tests.fakes.discord_reading
import tests.fakes.discord_responses
import tests.fakes.discord_threads  # noqa: F401  each registers its routes
from tests.fakes.discord_call import Call
from tests.fakes.discord_errors import DiscordError, NotFound, bad
from tests.fakes.discord_events import Events
from tests.fakes.discord_faults import Fault, Faults
from tests.fakes.discord_limits import Limits, Verdict
from tests.fakes.discord_routes import NOTHING, Asked, Route, check_ids, find
from tests.fakes.discord_values import Files, Json
from tests.fakes.unanswered import silence

PREFIX = "/api/v10"
CDN = "/attachments/{channel_id}/{file_id}/{name}"
_IN_FLIGHT = 0.25  # seconds of the real clock in which a request may have left before its sender heard of the last 401
_INVALID = 100  # answers 401, 403 and 429 in ten minutes; Discord bans the address at 10,000
_INVALID_SECONDS = 600.0


class Rest:
    """Routes over a world."""

    def __init__(self, world: Events, faults: Faults, limits: Limits) -> None:
        self._world = world
        self._faults = faults
        self._limits = limits
        self._refused: dict[str, float] = {}  # what was answered 401, and when

    def told_long_ago(self) -> None:
        """Everybody has heard of a 401 by now: no later request can have left before."""
        self._refused = dict.fromkeys(self._refused, -math.inf)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", PREFIX + "{path:/.*}", self._api),
            web.get("/attachments/{channel}/{file}/{name}", self._attachment),
        ]

    async def _api(self, request: web.Request) -> web.StreamResponse:
        found, template, ids = find(request.method, request.match_info["path"])
        fault = self._faults.take(request.method, template, ids)
        if fault:
            self._world.change()
            if fault.hold:
                await fault.hold.wait()
        handling = _Handling(request, found, template, ids)
        try:
            handling.body, handling.files = await _body(request)
            response = self._handle(handling, fault)
            if fault and fault.drop == "silence":
                await silence(request)
            return response
        except DiscordError as error:
            if error.mistake:
                self._world.violated(error.code, handling.where, f"{error.path} {error.detail}".strip())
            return self._reply(handling, error.status, error.body(), handling.headers)

    def _handle(self, handling: _Handling, fault: Fault | None) -> web.Response:
        if fault and fault.drop == "before":
            return self._dropped(handling)
        verdict = self._judged(handling)
        if fault and fault.replies and not fault.applied:
            return self._failed(handling, fault)
        if verdict.wait is not None:
            return self._limited(handling, verdict)
        status, answer = self._answer(handling)
        if fault and fault.drop == "after":
            return self._dropped(handling)
        if fault and fault.applied:
            return self._failed(handling, fault)
        return self._reply(handling, status, answer, handling.headers)

    def _answer(self, handling: _Handling) -> tuple[int, Any]:
        found = handling.found
        if found is None:
            raise NotFound
        self._authenticate(handling, found)
        check_ids(handling.ids)
        query = dict(handling.request.query)
        asked = Asked(self._world, handling.where, handling.ids, query, handling.body, handling.files)
        answer = found.handler(asked)
        return (204, None) if answer is NOTHING else (found.status, answer)

    def _authenticate(self, handling: _Handling, found: Route) -> None:
        headers = handling.request.headers
        if found.exempt:
            return
        if not headers.get("User-Agent", "").startswith("DiscordBot ("):
            self._world.violated("user_agent", handling.where, "must be DiscordBot (url, version)")
        given = headers.get("Authorization", "")
        if given == f"Bot {self._world.token}":
            return
        first = self._refused.setdefault(given, time.monotonic())
        if time.monotonic() - first > _IN_FLIGHT:
            self._world.violated("called_after_401", handling.where)
        raise DiscordError(0)

    def _judged(self, handling: _Handling) -> Verdict:
        exempt = handling.found is not None and handling.found.exempt
        now = self._world.passing()
        verdict = self._limits.judge(handling.request.method, handling.template, handling.ids, now, exempt=exempt)
        if verdict.late:
            self._world.violated("called_inside_retry_after", handling.where, f"{verdict.wait:.2f} seconds were left")
        handling.headers = verdict.headers
        return verdict

    def _limited(self, handling: _Handling, verdict: Verdict) -> web.Response:
        assert verdict.wait is not None
        told: Json = {"message": "You are being rate limited.", "code": 0, "global": verdict.scope == "global"}
        told["retry_after"] = round(verdict.wait, 3)
        headers = {**verdict.headers, "X-RateLimit-Scope": verdict.scope, "Retry-After": str(math.ceil(verdict.wait))}
        if verdict.scope == "global":
            headers["X-RateLimit-Global"] = "true"
        return self._reply(handling, 429, told, headers)

    def _failed(self, handling: _Handling, fault: Fault) -> web.Response:
        refusal = DiscordError(fault.code)
        status = fault.status or (refusal.status if fault.code else 500)
        headers: dict[str, str] = {}
        if status == 429:
            headers["X-RateLimit-Scope"] = fault.scope
            headers |= {"X-RateLimit-Global": "true"} if fault.scope == "global" else {}
            if fault.retry_after is not None:
                headers["Retry-After"] = str(math.ceil(fault.retry_after))
                seconds, method = min(fault.retry_after, 1e9), handling.request.method
                now = self._world.passing()
                self._limits.tell(method, handling.template, handling.ids, seconds, now, fault.scope)
        answer = fault.answer(refusal.message if fault.code else "500: Internal Server Error")
        return self._reply(handling, status, answer, headers, html=fault.html, via=fault.via)

    def _reply(
        self,
        handling: _Handling,
        status: int,
        answer: Any,
        headers: dict[str, str],
        *,
        html: bool = False,
        via: bool = True,
    ) -> web.Response:
        shared = headers.get("X-RateLimit-Scope") == "shared"
        self._record(handling, status, answer, shared=shared)
        told = {**headers, **({"Via": "1.1 fake"} if via else {})}
        if html:
            page = "<html><body>error code: 1015</body></html>"
            return web.Response(status=status, text=page, content_type="text/html", headers=told)
        if status == 204:
            return web.Response(status=204, headers=told)
        body = json.dumps(answer).encode()
        return web.Response(status=status, body=body, content_type="application/json", headers=told)

    def _dropped(self, handling: _Handling) -> web.Response:
        self._record(handling, 0, None)
        if handling.request.transport is not None:
            handling.request.transport.abort()
        return web.Response()

    def _record(self, handling: _Handling, status: int, answer: Any, *, shared: bool = False) -> None:
        world = self._world
        body = handling.body if isinstance(handling.body, dict) else {"": handling.body}
        kept = tuple((name, content) for name, content, _ in handling.files.values())
        method, query = handling.request.method, dict(handling.request.query)
        call = Call(
            method, handling.template, handling.ids, query, body, status, answer, world.clock(), kept, shared=shared
        )
        world.calls.append(call)
        if call.invalid:
            recent = [each for each in world.invalid if each.at > call.at - _INVALID_SECONDS]
            if len(recent) == _INVALID + 1:
                world.violated("too_many_invalid", call.name, f"more than {_INVALID} in ten minutes")
        world.change()

    async def _attachment(self, request: web.Request) -> web.StreamResponse:
        """Whoever has the address may read it; a bot token has no business here. Faults are of the route CDN."""
        ids = {"file_id": request.match_info["file"]}
        handling = _Handling(request, None, CDN, ids)
        fault = self._faults.take("GET", CDN, ids)
        file = self._world.files.get(ids["file_id"])
        if "Authorization" in request.headers:
            self._world.violated("token_to_cdn", CDN)
        if fault and fault.hold:
            self._world.change()
            await fault.hold.wait()
        if fault and fault.drop:
            return self._dropped(handling)
        if fault and fault.replies:
            return self._failed(handling, fault)
        if file is None:
            return self._reply(handling, 404, "This content is no longer available.", {}, html=True)
        self._record(handling, 200, None)
        return web.Response(body=file.content, headers={"Content-Type": file.content_type})


class _Handling:
    """One request on its way."""

    def __init__(self, request: web.Request, found: Route | None, template: str, ids: dict[str, str]) -> None:
        self.request = request
        self.found = found
        self.template = template
        self.ids = ids
        self.body: Any = {}
        self.headers: dict[str, str] = {}
        self.files: Files = {}

    @property
    def where(self) -> str:
        return f"{self.request.method} {self.template}"


async def _body(request: web.Request) -> tuple[Any, Files]:
    """The JSON of a body and the files beside it; 50109 where it is none."""
    files: Files = {}
    if request.content_type == "multipart/form-data":
        payload: Any = "{}"
        for name, part in (await request.post()).items():
            if isinstance(part, web.FileField):
                files[name] = (part.filename, part.file.read(), part.content_type)
            elif name == "payload_json":
                payload = part
            else:
                raise bad(name, "a multipart body has payload_json and files[n]")
        return _loads(payload), files
    raw = await request.read()
    if raw and request.content_type != "application/json":
        raise bad("_misc", 'Expected "Content-Type" header to be one of {"application/json"}.')
    return (_loads(raw) if raw else {}), files


def _loads(raw: str | bytes) -> Json:
    try:
        return json.loads(raw)  # type: ignore[no-any-return]
    except ValueError:
        raise DiscordError(50109) from None
