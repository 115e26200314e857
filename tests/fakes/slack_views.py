"""views.*: modals opened by a trigger that works once and for three seconds, and Home tabs."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from tests.fakes.slack_blocks import check_view
from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_methods import Asked, method
from tests.fakes.slack_values import Installation, Json, Team, User, View
from tests.fakes.slack_world import World

_TRIGGER_SECONDS = 3.0
_STACK = 3


@dataclass(eq=False)
class Trigger:
    """The right of one interaction to open one modal. `view`: the modal it came from."""

    user: User
    team: Team
    at: float
    view: View | None = None
    used: bool = False


def trigger(world: World, user: User, team: Team, view: View | None = None) -> str:
    """A fresh trigger_id."""
    trigger_id = f"{len(world.triggers) + 1}.{team.id}.{secrets.token_hex(8)}"
    world.triggers[trigger_id] = Trigger(user, team, world.clock(), view)
    return trigger_id


def new_view(installation: Installation, user: User, content: Json, previous: View | None = None) -> View:
    """A view as Slack keeps it."""
    view_id = f"V0{secrets.token_hex(5).upper()}"
    root = previous.root if previous else view_id
    return View(view_id, installation.teams[0], user, _numbered(content), f"{secrets.token_hex(8)}", root, previous)


def _numbered(content: Json) -> Json:
    blocks = [{"block_id": secrets.token_hex(3), **block} for block in content["blocks"]]
    return {**content, "blocks": blocks}


def view_json(world: World, view: View, installation: Installation) -> Json:
    """As replies and interactions show it."""
    return {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
        "close": None,
        "submit": None,
        **view.content,
        "id": view.id,
        "team_id": view.team.id,
        "state": {"values": {}},
        "hash": view.hash,
        "previous_view_id": view.previous.id if view.previous else None,
        "root_view_id": view.root,
        "app_id": world.app.id,
        "app_installed_team_id": installation.team.id if installation.team else installation.enterprise_id,
        "bot_id": installation.bot_id,
    }


def check(content: Json, kind: str) -> None:
    """Refuse what no view may be."""
    check_view(content, kind, len(json.dumps(content)))


def _exchange(asked: Asked) -> Trigger:
    found: Trigger | None = asked.world.triggers.get(asked["trigger_id"])
    if found is None or found.team not in asked.installation.teams:
        raise SlackError("invalid_trigger_id")
    if found.used:
        raise SlackError("exchanged_trigger_id", "a trigger_id works once")
    if asked.world.clock() > found.at + _TRIGGER_SECONDS:
        raise SlackError("expired_trigger_id", "a trigger_id lives 3 seconds")
    found.used = True
    return found


def _open(asked: Asked, user: User, previous: View | None) -> Json:
    view = new_view(asked.installation, user, asked["view"], previous)
    asked.world.views[view.id] = view
    asked.world.change()
    return {"view": view_json(asked.world, view, asked.installation)}


@method("views.open", 100, required="trigger_id view")
def open_view(asked: Asked) -> Json:
    check(asked["view"], "modal")
    used = _exchange(asked)
    if used.view is not None:
        raise SlackError("invalid_arguments", "a modal is open: views.push or views.update")
    return _open(asked, used.user, None)


@method("views.push", 100, required="trigger_id view")
def push_view(asked: Asked) -> Json:
    check(asked["view"], "modal")
    used = _exchange(asked)
    depth, view = 0, used.view
    while view:
        depth, view = depth + 1, view.previous
    if not depth:
        raise SlackError("invalid_trigger_id", "views.push needs a trigger from a modal")
    if depth >= _STACK:
        raise SlackError("push_limit_reached")
    return _open(asked, used.user, used.view)


@method("views.update", 100, required="view", optional="view_id external_id hash")
def update_view(asked: Asked) -> Json:
    check(asked["view"], "modal")
    if ("view_id" in asked.arguments) == ("external_id" in asked.arguments):
        raise SlackError("invalid_arguments", "either view_id or external_id")
    for view in asked.world.views.values():
        if asked.get("view_id") == view.id or asked.get("external_id", ...) == view.content.get("external_id"):
            if asked.get("hash", view.hash) != view.hash:
                raise SlackError("hash_conflict")
            view.content, view.hash = _numbered(asked["view"]), secrets.token_hex(8)
            asked.world.change()
            return {"view": view_json(asked.world, view, asked.installation)}
    raise SlackError("not_found" if "external_id" in asked.arguments else "view_not_found")


@method("views.publish", 100, required="user_id view", optional="hash")
def publish(asked: Asked) -> Json:
    check(asked["view"], "home")
    user = asked.world.find_user(asked.installation, asked["user_id"])
    key = (user.team.id, user.id)
    old = asked.world.homes.get(key)
    if old and asked.get("hash", old.hash) != old.hash:
        raise SlackError("hash_conflict")
    asked.world.homes[key] = new_view(asked.installation, user, asked["view"])
    asked.world.change()
    return {"view": view_json(asked.world, asked.world.homes[key], asked.installation)}
