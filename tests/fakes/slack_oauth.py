"""Installing: the authorize page's answer, oauth.v2.access, rotation, revocation."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_methods import Asked, method
from tests.fakes.slack_tiers import SPECIAL
from tests.fakes.slack_values import Installation, Json, Team, User
from tests.fakes.slack_world import World

_CODE_SECONDS = 600
_ACCESS_SECONDS = 43_200


@dataclass(eq=False)
class Grant:
    """What somebody agreed to on the authorize page; its code works once, for ten minutes."""

    user: User
    teams: list[Team]
    scopes: list[str]
    redirect_uri: str
    org: bool
    at: float
    used: bool = False


def agree(world: World, url: str, user: User, *more: Team, org: bool = False, denied: bool = False) -> str:
    """Answer an authorize URL as this person; returns where Slack sends the browser.

    `org`: install in the whole organisation of the person's team, for that team and `more`.
    """
    parts = urlsplit(url)
    asked = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if not parts.path.endswith("/oauth/v2/authorize") or asked.get("client_id") != world.app.client_id:
        raise SlackError("invalid_client_id", url)
    unknown = asked.keys() - {"client_id", "scope", "user_scope", "state", "redirect_uri", "team", "granular_bot_scope"}
    if unknown or not asked.get("scope") or not asked.get("state"):
        world.violated("invalid_authorize_url", "oauth/v2/authorize", url.partition("?")[2])
    redirect = asked.get("redirect_uri") or next(iter(world.app.redirect_uris), "")
    if not any(redirect == each or redirect.startswith(f"{each}/") for each in world.app.redirect_uris):
        raise SlackError("bad_redirect_uri", redirect)
    if denied:
        return f"{redirect}?{urlencode({'error': 'access_denied', 'state': asked.get('state', '')})}"
    code = f"10.{secrets.token_hex(12)}"
    scopes = asked.get("scope", "").split(",")
    world.grants[code] = Grant(user, [user.team, *more], scopes, asked.get("redirect_uri", ""), org, world.clock())
    return f"{redirect}?{urlencode({'code': code, 'state': asked.get('state', '')})}"


@method(
    "oauth.v2.access",
    SPECIAL,
    optional="client_id client_secret code redirect_uri grant_type refresh_token",
    takes="none",
)
def access(asked: Asked) -> Json:
    world = asked.world
    if asked.get("client_id") != world.app.client_id:
        raise SlackError("invalid_client_id")
    if asked.get("client_secret") != world.app.client_secret:
        raise SlackError("bad_client_secret")
    if asked.get("grant_type", "authorization_code") == "refresh_token":
        return _refresh(asked)
    grant = world.grants.get(asked.get("code", ""))
    if grant is None or world.clock() > grant.at + _CODE_SECONDS:
        raise SlackError("invalid_code")
    if grant.used:
        raise SlackError("code_already_used", "a code works once")
    if asked.get("redirect_uri", "") != grant.redirect_uri:
        raise SlackError("bad_redirect_uri", "not the redirect_uri of the authorize URL")
    grant.used = True
    enterprise = grant.user.team.enterprise_id if grant.org else None
    installation = world.install(*grant.teams, scopes=grant.scopes, enterprise=enterprise)
    world.change()
    return _granted(world, installation, {"authed_user": {"id": grant.user.id}})


def _granted(world: World, installation: Installation, more: Json) -> Json:
    reply: Json = {
        "access_token": installation.token,
        "token_type": "bot",
        "scope": ",".join(sorted(installation.scopes)),
        "bot_user_id": installation.bot.id,
        "app_id": world.app.id,
        "team": {"id": installation.team.id, "name": installation.team.name} if installation.team else None,
        "enterprise": {"id": installation.enterprise_id, "name": "grid"} if installation.enterprise_id else None,
        "is_enterprise_install": installation.team is None,
        **more,
    }
    if world.app.rotation:
        reply |= {"expires_in": _ACCESS_SECONDS, "refresh_token": list(installation.refresh_tokens)[-1]}
    return reply


def _refresh(asked: Asked) -> Json:
    for installation in asked.world.installations:
        used = installation.refresh_tokens.get(asked.get("refresh_token", ""))
        if used is None or not installation.alive:
            continue
        if used:
            raise SlackError("invalid_refresh_token", "a refresh token works once")
        installation.refresh_tokens[asked["refresh_token"]] = True
        asked.world.issue(installation)
        return _granted(asked.world, installation, {})
    raise SlackError("invalid_refresh_token")


def authenticate(world: World, value: str, kind: str) -> Installation | None:
    """Whose token this is; `kind`: "bot", "app" or "none"."""
    if kind == "none":
        return None
    if not value:
        raise SlackError("not_authed")
    if kind == "app":
        if value != world.app.app_token:
            raise SlackError("invalid_auth" if value.startswith("xapp-") else "not_allowed_token_type")
        return None
    if value == world.app.app_token:
        raise SlackError("not_allowed_token_type", "an app-level token")
    for installation in world.installations:
        for token in installation.tokens:
            if token.value == value:
                if not installation.alive:
                    raise SlackError("account_inactive")
                if token.revoked:
                    raise SlackError("token_revoked")
                if token.expires is not None and world.clock() > token.expires:
                    raise SlackError("token_expired")
                return installation
    raise SlackError("invalid_auth")


@method("auth.test", SPECIAL)
def test(asked: Asked) -> Json:
    installation = asked.installation
    team = installation.team
    grid = {"enterprise_id": installation.enterprise_id} if installation.enterprise_id else {}
    named: dict[str, Any] = {"team": "grid", "team_id": installation.enterprise_id}
    if team:
        named = {"team": team.name, "team_id": team.id}
    return {
        "url": f"https://{named['team']}.slack.com/",
        **named,
        "user": installation.bot.name,
        "user_id": installation.bot.id,
        "bot_id": installation.bot_id,
        "is_enterprise_install": team is None,
        **grid,
    }


@method("auth.revoke", 50, optional="test")
def revoke(asked: Asked) -> Json:
    if not asked.get("test"):
        for token in asked.installation.tokens:
            token.revoked = True
    return {"revoked": not asked.get("test", False)}


@method("apps.uninstall", 50, required="client_id client_secret")
def uninstall(asked: Asked) -> Json:
    if (asked["client_id"], asked["client_secret"]) != (asked.world.app.client_id, asked.world.app.client_secret):
        raise SlackError("bad_client_secret")
    asked.installation.alive = False
    return {}
