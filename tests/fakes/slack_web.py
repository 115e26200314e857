"""The HTTP side: /api/METHOD, uploads, private files, response_url."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

import tests.fakes.slack_reading
import tests.fakes.slack_streams
import tests.fakes.slack_views  # noqa: F401  each registers its methods
from tests.fakes.slack_chat import check_content
from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_faults import Fault, Faults
from tests.fakes.slack_files import receive, visible
from tests.fakes.slack_methods import METHODS, Asked, Method, check, decode
from tests.fakes.slack_oauth import authenticate
from tests.fakes.slack_responses import Responses
from tests.fakes.slack_values import Call, Installation, Json, Team, User
from tests.fakes.slack_world import World
from tests.fakes.unanswered import silence


class Web:
    """Routes over a world."""

    def __init__(self, world: World, faults: Faults, responses: Responses) -> None:
        self._world = world
        self._faults = faults
        self._responses = responses

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/api/{method}", self._api),
            web.post("/upload/v1/{file}", self._upload),
            web.get("/files-pri/{file}/{name}", self._private),
            web.post("/response/{secret}", self._respond),
        ]

    async def _api(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        try:
            arguments, token = await _arguments(request)
        except ValueError:
            self._world.violated("invalid_json", method)
            return web.json_response({"ok": False, "error": "invalid_json"})
        fault = await self._fault(method, arguments)
        if "token" in request.query:
            self._world.violated("token_in_address", method)
        if fault and fault.drop == "before":
            return _dropped(request)
        if fault and fault.replies and not fault.applied:
            return self._failed(fault, method, arguments, token)
        response = self._answer(request, method, arguments, token)
        self._world.change()
        if fault and fault.drop == "silence":
            await silence(request)
        if fault and fault.drop == "after":
            return _dropped(request)
        return self._failed(fault, method, arguments, token) if fault and fault.replies else response

    async def _fault(self, method: str, arguments: Json) -> Fault | None:
        """The fault of this request, once it may go on."""
        fault = self._faults.take(method, arguments)
        if fault:
            self._world.change()
            if fault.hold:
                await fault.hold.wait()
        return fault

    def _answer(self, request: web.Request, method: str, given: Json, token: str) -> web.Response:
        world, installation = self._world, None
        arguments = given
        try:
            if request.method not in {"GET", "POST"}:
                raise SlackError("invalid_post_type")
            found = check(method, given)
            arguments = decode(given)
            installation = authenticate(world, token, found.takes)
            if refused := self._limited(method, found, arguments, installation, token):
                return refused
            body = {"ok": True, **self._handle(method, found, arguments, installation)}
        except SlackError as error:
            body = error.body()
            if error.mistake:
                world.violated(error.code, method, error.detail)
        team = _team(installation)
        world.calls.append(Call(method, token, team, arguments, world.clock(), body))
        scopes = {"x-oauth-scopes": ",".join(sorted(installation.scopes))} if installation else {}
        return web.json_response(body, headers=scopes)

    def _handle(self, method: str, found: Method, arguments: Json, installation: Installation | None) -> Json:
        if installation is None:
            nobody = Installation(None, None, User("", Team("", ""), ""), "", set())
            return found.handler(Asked(self._world, method, arguments, nobody))
        asked = Asked(self._world, method, arguments, installation)
        if found.scopes:
            asked.needs(*found.scopes)
        if arguments.get("team_id", "") not in {"", *(team.id for team in installation.teams)}:
            raise SlackError("team_access_not_granted", arguments["team_id"])
        return found.handler(asked)

    def _limited(
        self, method: str, found: Method, arguments: Json, installation: Installation | None, token: str
    ) -> web.Response | None:
        team, now = _team(installation), self._world.clock()
        channel = str(arguments.get("channel", ""))
        restricted = self._world.restricted_history and method in {"conversations.history", "conversations.replies"}
        per_minute = 1 if restricted else found.per_minute
        refused = self._world.tiers.refuses(team, method, channel, per_minute, now)
        if refused is None:
            return None
        seconds, told = refused
        if told:
            self._world.violated("called_inside_retry_after", method, f"{seconds} seconds were left")
        body = {"ok": False, "error": "ratelimited"}
        self._world.calls.append(Call(method, token, team, arguments, now, body))
        return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})

    def _failed(self, fault: Fault, method: str, arguments: Json, token: str) -> web.Response:
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        error = fault.error or ("ratelimited" if fault.status == 429 else "internal_error")
        body = {"ok": False, "error": error, **fault.more}
        team = ""
        if method in METHODS:
            try:
                team = _team(authenticate(self._world, token, METHODS[method].takes))
            except SlackError:
                team = ""
        if fault.status == 429 and fault.retry_after is not None:
            self._world.tiers.tell(team, method, fault.retry_after, self._world.clock())
        self._world.calls.append(Call(method, token, team, arguments, self._world.clock(), body))
        self._world.change()
        if fault.html:
            return web.Response(text="<html>Something went wrong</html>", content_type="text/html", status=fault.status)
        if fault.body is not None:
            headers["Content-Type"] = fault.media
            return web.Response(body=fault.body, status=fault.status, headers=headers)
        return web.json_response(body, status=fault.status, headers=headers)

    async def _upload(self, request: web.Request) -> web.Response:
        if request.content_type == "multipart/form-data":
            form = await request.post()
            parts = [part.file.read() for part in form.values() if isinstance(part, web.FileField)]
            content = b"".join(parts)
        else:
            content = await request.read()
        taken = receive(self._world, request.match_info["file"], content)
        return web.Response(text=f"OK - {len(content)}" if taken else "refused", status=200 if taken else 400)

    async def _private(self, request: web.Request) -> web.Response:
        """Without a token that may see the file, Slack shows its login page, with status 200."""
        file = self._world.files.get(request.match_info["file"].partition("-")[2])
        if file is None:
            return web.Response(status=404)
        try:
            installation = authenticate(self._world, _bearer(request.headers), "bot")
        except SlackError:
            installation = None
        if installation and visible(file, installation):
            if "files:read" not in installation.scopes:
                self._world.violated("missing_scope", "url_private", "files:read")
                return web.Response(status=403)
            return web.Response(body=file.content, headers={"Content-Type": file.mimetype})
        return web.Response(text="<!DOCTYPE html><html>Sign in to Slack</html>", content_type="text/html")

    async def _respond(self, request: web.Request) -> web.Response:
        try:
            arguments = await request.json()
        except ValueError:
            self._world.violated("invalid_payload", "response_url", "no JSON")
            return web.Response(text="invalid_payload", status=400)
        fault = await self._fault("response_url", arguments)
        if fault and fault.drop == "before":
            return _dropped(request)
        try:
            self._responses.respond(request.match_info["secret"], arguments, check_content)
        except SlackError as error:
            if error.mistake:
                self._world.violated(error.code, "response_url", error.detail)
            return web.json_response(error.body(), status=404 if error.code.endswith("_url") else 400)
        self._world.change()
        return _dropped(request) if fault and fault.drop == "after" else web.Response(text="ok")


def _team(installation: Installation | None) -> str:
    if installation is None:
        return ""
    return installation.team.id if installation.team else str(installation.enterprise_id)


def _dropped(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _bearer(headers: Mapping[str, str]) -> str:
    kind, _, value = headers.get("Authorization", "").partition(" ")
    return value if kind == "Bearer" else ""


async def _arguments(request: web.Request) -> tuple[Json, str]:
    given: dict[str, Any] = dict(request.query)
    if request.method == "POST" and request.can_read_body:
        body = await request.read()
        if request.content_type == "application/json":
            parsed = json.loads(body)
            given |= parsed if isinstance(parsed, dict) else {"": parsed}
        else:
            given |= dict(await request.post())
    token = _bearer(request.headers) or str(given.pop("token", ""))
    given.pop("token", None)
    if request.headers.get("Authorization", "").startswith("Basic "):
        basic = base64.b64decode(request.headers["Authorization"].partition(" ")[2]).decode()
        given["client_id"], _, given["client_secret"] = basic.partition(":")
    return given, token
