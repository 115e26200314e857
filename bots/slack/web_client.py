"""One process's way to Slack's Web API, and what its replies say."""

from __future__ import annotations

import base64
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from core.errors import PlatformAway
from core.secret import Secret

# Slack's codes for a token that is good for nothing any more, or, of an organisation, for nothing in this workspace
TOKEN_REFUSED = frozenset(
    {"account_inactive", "invalid_auth", "not_allowed_token_type", "not_authed", "team_access_not_granted"}
    | {"token_expired", "token_revoked"}
)
_NO_JSON = "Slack's reply is no JSON"
_LONGEST_WAIT_SECONDS = 600.0
_TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
# more than the worker's answers at once, each of which may call twice at a time: waiting for a free one counts as
# waiting for Slack, and fails the call
_CONNECTIONS = 1_000

_quiet = logging.getLogger("slack_sdk.askrepo")  # at DEBUG the SDK logs tokens, codes and whole bodies
_quiet.setLevel(logging.WARNING)


class Redirected(aiohttp.ClientError):
    """Whoever answered in Slack's place sends us elsewhere. Tokens and texts go to no other address."""


class Unreadable(aiohttp.ClientError):
    """What came back is no JSON object, so whoever answered was not Slack's API: it may have taken the call or not."""


NOT_TAKEN = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, Redirected)  # by Slack, in any case
# what the SDK fails with, for it takes a body for an object that can be read: a text, a list or a number has no `get`,
# octets need not be text, a charset need not be one, and brackets may stand in each other too deep for the parser
_STUMBLES = (AttributeError, UnicodeDecodeError, LookupError, RecursionError)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The app's own, for OAuth."""

    client_id: str
    client_secret: Secret


class Slack:
    """One process's way to Slack's Web API: one pool of connections, no redirects, no proxy of the environment.

    No retries either: whether a call is worth repeating is for the caller to know; a retry in between would post twice.
    """

    def __init__(self, api_url: str) -> None:
        self._api_url = f"{api_url}/"
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The shared connections, for what needs no token."""
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=_TIMEOUT, trust_env=False, trace_configs=[_straight()]
            )
        return self._session

    def client(self, token: Secret | None = None, *, team_id: str | None = None) -> AsyncWebClient:
        """A client on the shared connections. `team_id` goes with every call: an organisation's token needs it."""
        client = AsyncWebClient(
            token=None if token is None else token.reveal(),
            base_url=self._api_url,
            session=self.session,
            team_id=team_id,
            retry_handlers=[],
            logger=_quiet,
        )
        client.proxy = None  # the constructor takes it from the environment
        return client

    async def exchange(self, credentials: Credentials, **given: str) -> AsyncSlackResponse:
        """`oauth.v2.access` with the app's credentials in the header. Raises what `call` raises."""
        named = f"{credentials.client_id}:{credentials.client_secret.reveal()}"
        headers = {"Authorization": f"Basic {base64.b64encode(named.encode()).decode()}"}
        return await self.call(self.client().api_call("oauth.v2.access", data=given, headers=headers))

    async def call(self, request: Awaitable[AsyncSlackResponse]) -> AsyncSlackResponse:
        """A call's reply. Raises SlackApiError where Slack says no, PlatformAway where it does not answer."""
        try:
            return await replied(request)
        except SlackApiError as error:
            if isinstance(error.response, AsyncSlackResponse) and isinstance(error.response.data, dict):
                raise
            problem = _NO_JSON
        except Unreadable:
            problem = _NO_JSON
        except (aiohttp.ClientError, SlackClientError, OSError, TimeoutError, ValueError) as error:
            problem = f"Slack cannot be reached: {type(error).__name__}"
        raise PlatformAway(problem)  # outside of the except block: what hangs on ours tells nobody what was sent

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def replied(request: Awaitable[AsyncSlackResponse]) -> AsyncSlackResponse:
    """What the SDK makes of a call; Unreadable where it does not get along with what came back."""
    try:
        reply = await request
    except _STUMBLES:
        reply = None
    if reply is None or not isinstance(reply.data, dict):  # to the SDK, octets it does not look into are a success
        raise Unreadable
    return reply


def _straight() -> aiohttp.TraceConfig:
    """Refuses redirects: the SDK has no way to tell aiohttp not to follow them."""

    async def refuse(session: object, context: object, redirect: aiohttp.TraceRequestRedirectParams) -> None:
        redirect.response.close()
        raise Redirected(f"status {redirect.response.status}")

    config = aiohttp.TraceConfig()
    config.on_request_redirect.append(refuse)
    return config


def body(reply: AsyncSlackResponse) -> Mapping[str, object]:
    """The JSON object of a reply."""
    return reply.data if isinstance(reply.data, dict) else {}


def refusal(error: SlackApiError) -> str:
    """Slack's code for its refusal, such as `invalid_code`; nothing else of the reply, which may hold a token."""
    given = body(error.response).get("error")
    code = given if isinstance(given, str) else "no reason"
    return "".join(each for each in code if each.isalnum() or each in "_ ")[:60]


def slack_now(reply: AsyncSlackResponse) -> datetime:
    """When Slack sent this reply, by its own clock, to the second: its events carry that clock's seconds too."""
    try:
        at = parsedate_to_datetime(next(value for name, value in reply.headers.items() if name.lower() == "date"))
    except (StopIteration, ValueError):
        return datetime.now(UTC).replace(microsecond=0)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def retry_after(headers: Mapping[str, str], *, unknown: float) -> float:
    """How many seconds Slack asks to wait, from one to 600; `unknown` where it does not say."""
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        return min(_LONGEST_WAIT_SECONDS, max(1.0, float(given)))
    except ValueError:
        return unknown
