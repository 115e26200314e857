"""Pure: which installation a delivery is for, and whether a person belongs to the organisation that installed us.

In a channel shared by several organisations the author's team is not ours: the workspace is read from the
authorization, the author's organisation from the author, and where either cannot be read nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bots.fields import items, mapping
from bots.slack.fields import identifier
from core.conversation.values import ChannelRef, WorkspaceRef

PLATFORM = "slack"


@dataclass(frozen=True, slots=True)
class Installed:
    """What the bot token is found by.

    `team_id` is the workspace; None only where an event speaks of a whole organisation. `enterprise_id` is the
    organisation of an Enterprise Grid. `bot_user_id` is "" where the payload does not say it (commands, interactions).
    """

    team_id: str | None
    enterprise_id: str | None = None
    bot_user_id: str = ""

    @property
    def workspace(self) -> WorkspaceRef | None:
        """The workspace, if there is one."""
        return WorkspaceRef(PLATFORM, self.team_id) if self.team_id else None

    def channel(self, value: object) -> ChannelRef | None:
        """The channel of this id, in this workspace."""
        channel_id = identifier(value)
        return ChannelRef(PLATFORM, self.team_id, channel_id) if self.team_id and channel_id else None

    def foreign(self, teams: Iterable[object]) -> bool | None:
        """Whether somebody of these teams is of another organisation; None where that cannot be told.

        Teams that disagree tell nothing, and neither does another workspace where the organisation may have several.
        """
        judged = {self._foreign(team) for team in map(identifier, teams) if team}
        return judged.pop() if len(judged) == 1 else None

    def _foreign(self, team: str) -> bool | None:
        if team == self.team_id or (self.enterprise_id and team == self.enterprise_id):
            return False
        return None if self.enterprise_id and not team.startswith("E") else True


def of_envelope(envelope: Mapping[str, object]) -> Installed:
    """The installation an event was delivered for."""
    given = [mapping(entry) for entry in items(envelope.get("authorizations"))]
    bots = [entry for entry in given if entry.get("is_bot") is True]
    entry = next(iter(bots or given), mapping(None))
    enterprise = entry if "enterprise_id" in entry else envelope
    return Installed(
        _team(entry.get("team_id")) or _team(envelope.get("context_team_id")) or _team(envelope.get("team_id")),
        identifier(enterprise.get("enterprise_id")),
        (identifier(entry.get("user_id")) or "") if bots else "",
    )


def is_certain(envelope: Mapping[str, object]) -> bool:
    """Whether the workspace of the delivery is ours beyond doubt.

    In a shared channel, `team_id` alone may be the team of whoever caused the event.
    """
    return bool(
        envelope.get("is_ext_shared_channel") is not True
        or _team(envelope.get("context_team_id"))
        or any(_team(mapping(entry).get("team_id")) for entry in items(envelope.get("authorizations")))
    )


def of_form(form: Mapping[str, object]) -> Installed:
    """The installation a command was typed for."""
    return Installed(_team(form.get("team_id")), identifier(form.get("enterprise_id")))


def of_interaction(payload: Mapping[str, object]) -> Installed:
    """The installation an interaction is for.

    `team` may be the clicking person's in a shared channel, and is null for an organisation-wide installation; a view
    names the workspace that installed the app.
    """
    team, workspace = mapping(payload.get("team")), _named(payload)
    enterprise = mapping(payload.get("enterprise")).get("id") or team.get("enterprise_id")
    # what the payload says of an organisation is the clicking person's where the view was installed by another team
    is_ours = team.get("id") is None or workspace == team.get("id")
    return Installed(
        workspace or _team(mapping(payload.get("user")).get("team_id")),
        identifier(enterprise) if is_ours else None,
    )


def names_workspace(payload: Mapping[str, object]) -> bool:
    """Whether an interaction says its workspace otherwise than by the team of the person."""
    return _named(payload) is not None


def _named(payload: Mapping[str, object]) -> str | None:
    view, team = mapping(payload.get("view")), mapping(payload.get("team"))
    return _team(view.get("app_installed_team_id")) or _team(team.get("id")) or _team(view.get("team_id"))


def _team(value: object) -> str | None:
    """A workspace's id. An id that begins with E is an organisation's, and names no workspace."""
    team = identifier(value)
    return team if team and not team.startswith("E") else None
