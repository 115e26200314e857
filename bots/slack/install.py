"""Installing by OAuth (Slack's "Installing with OAuth"): the page with the button, and where Slack sends people back.

What holds against forged and stolen callbacks: a state that works once, bound to the browser that saw the button by a
cookie and, where a team was named, to that team; and a redirect URI from our settings alone, whatever a request claims
to be addressed to.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from html import escape
from http import HTTPStatus
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bots.pages.look import Html, page, paragraph, prose, shown, text
from bots.slack.installation import Rotated, SlackInstallation, own_installation, rotated
from bots.slack.installs import Installs
from bots.slack.scopes import SCOPES
from bots.slack.web_client import Credentials, Slack, body, refusal, slack_now
from core import logs
from core.errors import DeliveryFailed
from core.secret import Secret
from core.tickets import Passes
from core.wording import code

_PURPOSE = "slack install"
_SECONDS = 600  # from the button to the return
_COOKIE = "askrepo-install"
_BINDING = re.compile(r"[A-Za-z0-9_-]{43}")
_TEAM = re.compile(r"[TE][A-Z0-9]{2,20}")
_OVER = "This link does not work any more"
_LONGEST = 512  # characters of a code or state

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Granted:
    """What `oauth.v2.access` says was agreed to. `team_id` is None for a whole organisation."""

    tokens: Rotated
    bot_user_id: str
    app_id: str
    team_id: str | None
    enterprise_id: str | None
    name: str
    scopes: tuple[str, ...]


def granted(reply: Mapping[str, object], tokens: Rotated) -> Granted | None:
    """What a reply grants; None where it does not say for which workspace or organisation."""
    team, enterprise = _named(reply.get("team")), _named(reply.get("enterprise"))
    organisation_wide = reply.get("is_enterprise_install") is True
    if (enterprise if organisation_wide else team) is None:
        return None
    return Granted(
        tokens=tokens,
        bot_user_id=_text(reply.get("bot_user_id")),
        app_id=_text(reply.get("app_id")),
        team_id=None if organisation_wide or team is None else team[0],
        enterprise_id=None if enterprise is None else enterprise[0],
        name=(enterprise if organisation_wide and enterprise else team or ("", ""))[1],
        scopes=tuple(filter(None, _text(reply.get("scope")).split(","))),
    )


def _named(value: object) -> tuple[str, str] | None:
    if not isinstance(value, dict):
        return None
    found = _text(value.get("id"))
    return (found, _text(value.get("name"))) if found else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def install_routes(
    slack: Slack, installs: Installs, passes: Passes, credentials: Credentials, *, public_url: str, api_url: str
) -> list[BaseRoute]:
    """`/slack/install` and `/slack/oauth_redirect`, reached by people at `public_url`.

    Whoever serves them logs no query strings: the second one's holds a code.
    """
    desk = _Desk(slack, installs, passes, credentials, public_url=public_url, api_url=api_url)
    return [
        Route("/slack/install", shown(desk.offer), methods=["GET"]),
        Route("/slack/oauth_redirect", shown(desk.returned), methods=["GET"]),
    ]


class _Desk:
    """Offers to install, and takes what Slack sends back."""

    def __init__(
        self,
        slack: Slack,
        installs: Installs,
        passes: Passes,
        credentials: Credentials,
        *,
        public_url: str,
        api_url: str,
    ) -> None:
        self._slack = slack
        self._installs = installs
        self._passes = passes
        self._credentials = credentials
        self._redirect_uri = f"{public_url}/slack/oauth_redirect"
        self._install_url = f"{public_url}/slack/install"
        self._secure = urlsplit(public_url).scheme == "https"
        parts = urlsplit(api_url)
        self._authorize_url = urlunsplit((parts.scheme, parts.netloc, "/oauth/v2/authorize", "", ""))
        self._cookie = f"__Host-{_COOKIE}" if self._secure else _COOKIE  # browsers take that prefix over https alone

    async def offer(self, request: Request) -> Response:
        """The page with the button. `?team=T…` names the workspace it is for."""
        if request.method != "GET":
            return Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED)
        team = request.query_params.get("team", "")
        if team and not _TEAM.fullmatch(team):
            return self._page(_Stopped("This link is wrong", text("What it names is no Slack workspace.")))
        known = request.cookies.get(self._cookie, "")
        binding = known if _BINDING.fullmatch(known) else secrets.token_urlsafe(32)  # one for all tabs of a browser
        intent = json.dumps({"binding": _digest(binding), "team": team})
        state = self._passes.issue(_PURPOSE, intent, _SECONDS)
        query = {
            "client_id": self._credentials.client_id,
            "scope": ",".join(SCOPES),
            "redirect_uri": self._redirect_uri,
            "state": state.reveal(),
        } | ({"team": team} if team else {})
        offered = _offer(f"{self._authorize_url}?{urlencode(query)}")
        offered.set_cookie(
            self._cookie, binding, max_age=_SECONDS, path="/", secure=self._secure, httponly=True, samesite="lax"
        )
        return offered

    async def returned(self, request: Request) -> Response:
        """Slack sent somebody back: with a code, or with the reason why there is none."""
        if request.method != "GET":
            return Response(status_code=HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            return await self._installed(*await self._agreed(request))
        except _Stopped as stopped:
            return self._page(stopped)
        except SlackApiError as error:
            log.warning("slack refused to install", reason=refusal(error))
            return self._page(_refused(f"Its reason: {code(refusal(error))}."))
        except DeliveryFailed as error:
            log.warning("slack did not answer", reason=str(error))
            again = text("Nothing was installed here. Please begin again.")
            return self._page(_Stopped("Slack did not answer", again, HTTPStatus.BAD_GATEWAY))

    async def _agreed(self, request: Request) -> tuple[Secret, str]:
        """The code, and the team it has to be for (or ""). Uses the state up. Raises _Stopped."""
        given = request.query_params
        if given.get("error") == "access_denied":
            raise _Stopped("Nothing was installed", text("You said no to Slack, or somebody has to approve it first."))
        state = Secret(given.get("state", "")[:_LONGEST])
        intent = await self._passes.peek(_PURPOSE, state)
        if intent is None:
            raise _Stopped(_OVER, text("It has been used, or its ten minutes are over."))
        asked = json.loads(intent)
        if not compare_digest(_digest(request.cookies.get(self._cookie, "")), asked["binding"]):
            raise _Stopped(
                "Please go on in the browser you began in",
                text("This installation was begun in another browser, or its cookies are switched off."),
            )
        if await self._passes.redeem(_PURPOSE, state) is None:
            raise _Stopped(_OVER, text("It has been used just now."))
        if given.get("error") or not 0 < len(given.get("code", "")) <= _LONGEST:
            raise _refused(f"Its reason: {code(given.get('error') or 'no code')}.")
        return Secret(given["code"]), asked["team"]

    async def _installed(self, given_code: Secret, team: str) -> Response:
        """Exchange the code, try the token, keep it. Raises _Stopped, SlackApiError, DeliveryFailed, DatabaseError."""
        reply = await self._slack.exchange(self._credentials, code=given_code.reveal(), redirect_uri=self._redirect_uri)
        at = slack_now(reply)
        tokens = rotated(body(reply), at)
        found = None if tokens is None else granted(body(reply), tokens)
        if found is None:
            raise _refused("It did not say what was installed where.")
        if team and team not in {found.team_id, found.enterprise_id}:
            log.warning("installed elsewhere than asked for", asked=team, got=found.team_id or found.enterprise_id)
            raise _refused("It was another workspace than the one the link was made for.")
        tested = await self._slack.call(self._slack.client(found.tokens.bot_token).auth_test())
        installation = _installation(found, tested)
        if installation is None:
            raise _refused("The token belongs to another workspace than Slack said.")
        await self._installs.installed(installation, at)
        return _done(found)  # the cookie stays for what other tabs have begun; it ends by itself

    def _page(self, stopped: _Stopped) -> Response:
        again = Html(f'<a class="button" href="{escape(self._install_url)}">Begin again</a>')
        return page(stopped.title, paragraph(stopped.why), paragraph(again), status=stopped.status)


class _Stopped(Exception):
    """Nothing is installed; what the page says about it."""

    def __init__(self, title: str, why: Html, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(title)
        self.title = title
        self.why = why
        self.status = status


def _refused(why: str) -> _Stopped:
    words = prose(f"{why} If this keeps happening, tell whoever runs this bot.")
    return _Stopped("Slack did not let it be installed", words, HTTPStatus.BAD_GATEWAY)


def _installation(found: Granted, tested: AsyncSlackResponse) -> SlackInstallation | None:
    """What is stored; None where the token turns out to be another workspace's."""
    own = own_installation(found.tokens.bot_token, tested)
    if (own.team_id, own.bot_user_id) != (found.team_id, found.bot_user_id):
        return None
    if found.team_id is None and own.enterprise_id != found.enterprise_id:
        return None
    return SlackInstallation(
        bot_token=found.tokens.bot_token,
        bot_user_id=found.bot_user_id,
        bot_id=own.bot_id,
        app_id=found.app_id,
        team_id=found.team_id,
        enterprise_id=found.enterprise_id,
        scopes=found.scopes,
        refresh_token=found.tokens.refresh_token,
        expires_at=found.tokens.expires_at,
    )


def _digest(binding: str) -> str:
    return hashlib.sha256(binding.encode("utf-8", "surrogatepass")).hexdigest()


def _offer(authorize_url: str) -> Response:
    return page(
        "Add askrepo to Slack",
        paragraph(text("Ask questions about your team's code where you already talk. askrepo answers in the thread.")),
        Html(
            "<ul>"
            "<li>It answers where it is mentioned, in direct messages, and to <code>/askrepo</code>.</li>"
            "<li>It reads only the channels it is invited to.</li>"
            "<li>What it stores is encrypted.</li>"
            "</ul>"
        ),
        paragraph(Html(f'<a class="button" href="{escape(authorize_url)}">Continue to Slack</a>')),
        paragraph(
            text("Slack shows what it asks for before anything is installed. This page is good for ten minutes."),
            "quiet",
        ),
    )


def _done(found: Granted) -> Response:
    if found.team_id is None:
        return _done_for_all(found)
    where = f" in <b>{escape(found.name)}</b>" if found.name else ""
    target = urlencode({"app": found.app_id, "team": found.team_id})
    return page(
        "askrepo is installed",
        paragraph(Html(f"It is ready{where}. Next, in a channel:")),
        Html(
            "<ul><li><code>/invite @askrepo</code> brings it in.</li>"
            "<li><code>/askrepo map owner/name</code> says which repository the channel is about.</li>"
            "<li><code>/askrepo how does login work?</code> asks.</li></ul>"
        ),
        paragraph(Html(f'<a class="button" href="https://slack.com/app_redirect?{escape(target)}">Open Slack</a>')),
    )


def _done_for_all(found: Granted) -> Response:
    """Installed for an organisation, it is in none of its workspaces before an admin adds it to them.

    https://docs.slack.dev/enterprise/organization-ready-apps has it so, and the address.
    """
    url = f"https://app.slack.com/manage/{quote(found.enterprise_id or '')}/integrations/profile/{quote(found.app_id)}"
    return page(
        "askrepo is installed for the organisation",
        paragraph(text("It is in none of its workspaces yet: choose those that may use it.")),
        Html(
            "<ul><li>Then <code>/invite @askrepo</code> brings it into a channel.</li>"
            "<li><code>/askrepo map owner/name</code> says which repository the channel is about.</li></ul>"
        ),
        paragraph(Html(f'<a class="button" href="{escape(url)}/workspaces/add">Add it to workspaces</a>')),
    )
