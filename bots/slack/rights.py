"""What somebody may do here: asked of Slack each time, for what a button or a form says proves nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bots.slack.installs import Installs
from bots.slack.people import UNKNOWN, People, Person, stricter
from bots.slack.privately import Somebody
from bots.slack.reference import Reference
from core import logs
from core.channels import access
from core.channels.access import Audience, Standing
from core.channels.commands import Actor
from core.channels.preferences import Preferences
from core.conversation.values import ChannelRef
from core.errors import AccessError, AccessUnknown, DeliveryError
from core.relay.patience import patiently

Policy = Literal["admins", "members"]

_RIGHTS: dict[Policy, str] = {
    "admins": "workspace admin or owner",
    "members": "full member of this workspace",
}

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody may do in a workspace.

    `manages`: the mappings, tokens and settings of its channels. `administers`: the workspace's own. `right` is what
    those are called who manage.
    """

    standing: Standing
    manages: bool
    administers: bool
    right: str
    name: str

    @classmethod
    def none(cls) -> Rights:
        """Of somebody nobody asked about."""
        return cls(Standing.UNKNOWN, manages=False, administers=False, right=_RIGHTS["admins"], name="")

    def actor(self, user_id: str, *, of_workspace: bool) -> Actor:
        """Who gives a command about a channel, or about the workspace as a whole."""
        if of_workspace:
            return Actor(user_id, self.administers, _RIGHTS["admins"])
        return Actor(user_id, self.manages, self.right)


def rights(person: Person, reference: Reference, policy: Policy) -> Rights:
    """The workspace's word, unless the payload says something stricter. Guests and outsiders never manage."""
    standing = stricter(person.standing, reference)
    member = standing is Standing.MEMBER
    administers = member and person.manages
    return Rights(standing, administers or (member and policy == "members"), administers, _RIGHTS[policy], person.name)


class Doorman:
    """Finds out what somebody may do."""

    def __init__(self, installs: Installs, people: People, preferences: Preferences, policy: Policy) -> None:
        self._installs = installs
        self._people = people
        self._preferences = preferences
        self._policy = policy

    async def rights(self, somebody: Somebody, reference: Reference) -> Rights:
        """What they may do; nothing where Slack does not say who they are. Raises DatabaseError, CipherError."""
        try:
            client = await self._installs.client(somebody.workspace, somebody.installed.enterprise_id)
            person = await patiently(lambda: self._people.person(client, somebody.workspace, somebody.user_id))
        except DeliveryError as error:
            log.warning("somebody is unknown", reason=str(error))
            person = UNKNOWN
        return rights(person, reference, self._policy)

    async def admit(self, held: Rights, channel: ChannelRef) -> None:
        """Raise AccessError for those who may not ask in this channel."""
        rules = (await self._preferences.of(channel)).rules
        refusal = access.decide(held.standing, rules, recorded=None, now=Audience.PUBLIC)
        if refusal is not None:
            raise refusal.error or AccessUnknown

    async def admitted(self, somebody: Somebody, reference: Reference) -> AccessError | None:
        """Why this person may not ask where they are; None: they may."""
        held = await self.rights(somebody, reference)
        try:
            if somebody.channel is not None:
                await self.admit(held, somebody.channel)
        except AccessError as error:
            return error
        return None
