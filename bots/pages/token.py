"""The page where a token is entered: chats have no masked field, and keep what is typed.

Its link holds a ticket, good for ten minutes and for one person and place. Looking at the page does not use it up, nor
does a token that the service refuses; saving one does.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from html import escape
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bots.pages.look import Html, body_of, page, paragraph, prose, shown, text
from core import logs
from core.channels.tokens import StoredToken, Tokens
from core.channels.trials import Trials
from core.conversation.values import ChannelRef, WorkspaceRef
from core.errors import AskrepoError, FormGone, SecretError, TokenRefused
from core.secret import Secret, bearer, repeats
from core.tickets import Tickets
from core.wording import code, sentence

SECONDS = 600  # that a link is good for
_PURPOSE = "token page"
_LABEL = 60  # characters
_FIELDS = 10  # of a form, at most

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class _For:
    """Whose token is asked for. Without a channel it is the workspace's, and `repository` only what it is tried on."""

    platform: str
    workspace_id: str
    channel_id: str | None
    place_name: str
    repository: str
    actor: str
    actor_name: str


async def token_link(
    tickets: Tickets,
    base: str,
    place: ChannelRef | WorkspaceRef,
    *,
    place_name: str,
    repository: str,
    actor: str,
    actor_name: str,
) -> str:
    """A link to the page below `base`, good for ten minutes and one token; to be shown to `actor` alone.

    A channel's token is for its mapping of `repository`; a workspace's is tried on `repository`. Names are what people
    read there. Raises DatabaseError.
    """
    channel_id = place.channel_id if isinstance(place, ChannelRef) else None
    about = _For(place.platform, place.workspace_id, channel_id, place_name, repository, actor, actor_name)
    ticket = await tickets.issue(_PURPOSE, json.dumps(asdict(about)), SECONDS)
    return f"{base}/token/{ticket.reveal()}"


def token_routes(tickets: Tickets, tokens: Tokens, trials: Trials) -> list[Route]:
    """The page's routes. Whoever serves them logs no paths: a path here holds a ticket."""
    desk = _Desk(tickets, tokens, trials)
    return [
        Route("/token/{ticket:str}", shown(desk.form), methods=["GET"]),
        Route("/token/{ticket:str}", shown(desk.enter), methods=["POST"]),
    ]


class _Desk:
    """Shows the form, and takes what was entered."""

    def __init__(self, tickets: Tickets, tokens: Tokens, trials: Trials) -> None:
        self._tickets = tickets
        self._tokens = tokens
        self._trials = trials

    async def form(self, request: Request) -> Response:
        payload = await self._tickets.peek(_PURPOSE, _ticket(request))
        return _gone() if payload is None else _form(_about(payload))

    async def enter(self, request: Request) -> Response:
        ticket = _ticket(request)
        payload = await self._tickets.peek(_PURPOSE, ticket)
        if payload is None:
            return _gone()
        about, body = _about(payload), await body_of(request)
        if body is None:
            too_large = SecretError("what was sent is too large, or came too slowly")
            return _form(about, problem=too_large, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        given, label = _entered(body)
        try:
            secret = bearer(given)
            if repeats(label, secret):
                raise SecretError("its label repeats it")
        except SecretError as error:
            return _form(about, problem=error, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        problem = await self._trials.would_take(_place(about), about.repository, secret)
        if problem is not None:
            log.info("token not taken", reason=type(problem).__name__, workspace=about.workspace_id)
            return _form(about, problem=problem, label=label, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        return await self._save(ticket, about, secret, label)

    async def _save(self, ticket: Secret, about: _For, secret: Secret, label: str) -> Response:
        place, once = _place(about), self._tickets.using_up(_PURPOSE, ticket)
        try:
            if isinstance(place, WorkspaceRef):
                stored = await self._tokens.save_for_workspace(
                    place, secret, label=label, actor=about.actor, provided=once
                )
            else:
                stored = await self._tokens.save_for_mapping(
                    place, about.repository, secret, label=label, actor=about.actor, provided=once
                )
        except FormGone:
            return _gone()
        return _saved(about, stored)


def _ticket(request: Request) -> Secret:
    return Secret(request.path_params["ticket"])


def _about(payload: str) -> _For:
    return _For(**json.loads(payload))


def _place(about: _For) -> ChannelRef | WorkspaceRef:
    if about.channel_id is None:
        return WorkspaceRef(about.platform, about.workspace_id)
    return ChannelRef(about.platform, about.workspace_id, about.channel_id)


def _entered(body: bytes) -> tuple[str, str]:
    """The token and the label of a form's body; empty where it is no form of ours."""
    try:
        fields = dict(parse_qsl(body.decode("ascii"), max_num_fields=_FIELDS, errors="strict"))
    except ValueError:
        fields = {}
    return fields.get("token", ""), fields.get("label", "")[:_LABEL]


def _form(
    about: _For, *, problem: AskrepoError | None = None, label: str = "", status: int = HTTPStatus.OK
) -> Response:
    wrong = ' aria-invalid="true" aria-describedby="problem"' if problem is not None else ""
    return page(
        f"Enter the token for {about.place_name}",
        paragraph(prose(_words(problem, about)), "bad") if problem is not None else Html(""),
        _facts(about),
        Html(
            '<form method="post">'
            '<label for="token">Token</label>'
            '<input id="token" name="token" type="password" required autofocus autocomplete="off" autocapitalize="off"'
            f' spellcheck="false" maxlength="4096"{wrong}>'
            '<label for="label">Label <small>(optional, shown in lists)</small></label>'
            f'<input id="label" name="label" type="text" maxlength="{_LABEL}" autocomplete="off"'
            f' value="{escape(label)}">'
            "<button>Check and save</button></form>"
        ),
        paragraph(
            text(
                "The token is tried with one real request, then stored encrypted. It is never shown again. This link "
                "works once, and for ten minutes."
            ),
            "quiet",
        ),
        status=status,
    )


def _words(problem: AskrepoError, about: _For) -> str:
    if isinstance(problem, TokenRefused):
        return (
            f"The service refused this token. Copy it again, whole, or use one that may read {code(about.repository)}."
        )
    return sentence(problem, repository=about.repository)


def _saved(about: _For, stored: StoredToken) -> Response:
    four = f", ending in <code>{escape(stored.last_four)}</code>" if stored.last_four else ""
    label = f" as <b>{escape(stored.label)}</b>" if stored.label else ""
    return page(
        f"The token for {about.place_name} is saved",
        paragraph(text("It works, and is in use from now on."), "good"),
        _facts(about),
        paragraph(Html(f"Saved{label}{four}, fingerprint <code>{escape(stored.fingerprint)}</code>.")),
        paragraph(text("You can close this page and go back to your chat."), "quiet"),
    )


def _facts(about: _For) -> Html:
    repository = "Repository" if about.channel_id is not None else "Tried on"
    rows = ((repository, about.repository), ("Link made for", about.actor_name or about.actor))
    return Html("<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows) + "</dl>")


def _gone() -> Response:
    return page(
        "This link does not work any more",
        paragraph(text("It has been used, perhaps by you just now, or its ten minutes are over.")),
        paragraph(prose("`/askrepo token` shows which token is in use; `/askrepo token set` asks for a new link.")),
        status=HTTPStatus.GONE,
    )
