"""People who ask in Slack, what they are told in private, and workspaces that installed the app by OAuth."""

from __future__ import annotations

from datetime import UTC, datetime

from bots.slack.installation import SlackInstallation
from core.bootstrap import App
from core.conversation.followup import FollowUps
from core.conversation.values import ChannelRef
from core.secret import Secret
from core.settings import Settings
from tests.fakes.chat import FakeChat
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_values import Channel, Installation, Message, User
from tests.slack import house
from tests.slack.house import World, answered

REFUSED_GUEST = "Guests may not ask in this channel."
REFUSED_OUTSIDER = "People of other organisations may not ask in this channel."
REFUSED_UNKNOWN = "I could not find out whether you may ask here"
SUSPENDED = "who reads this channel may have changed since it was mapped"
WIDENED = "More people can read this channel than when its repository was mapped"


async def allow(app: App, place: ChannelRef, *, guests: bool = False, outsiders: bool = False) -> None:
    await app.preferences.set(
        place,
        follow_ups=FollowUps.SMART,
        guests=guests,
        outsiders=outsiders,
        model=None,
        instructions=None,
        actor="U0",
    )


async def ask(world: World, user: User, channel: Channel | None = None, text: str = "where is login?") -> Message:
    return await world.slack.says(user, channel or world.general, f"{world.askrepo.bot} {text}")


async def refused(world: World, user: User, *words: str, channel: Channel | None = None) -> None:
    """Wait until this person was told privately, last of all with one of these words; nothing of ours is shown."""
    place = channel or world.general

    def told() -> list[str]:
        return [each.body for each in world.slack.ephemerals(place, user)]

    await world.slack.until(lambda: any(word in body for body in told()[-1:] for word in words))
    shown = [post for post in world.slack.posts(place) if post.author is world.askrepo.bot]
    assert shown == []


async def quiet(world: World, app: App, chat: FakeChat) -> None:
    """Whatever was still to be done for what was said so far has been done, once a question asked later is answered."""
    await app.mappings.set_default(world.place.workspace, house.REPOSITORY, actor="U0")
    number = len(chat.requests)
    question = await world.slack.says(world.alice, world.slack.dm(world.alice), "is all done?")
    await answered(world, question)
    assert [request.questions for request in chat.requests[number:]] == [["is all done?"]]
    await app.mappings.set_default(world.place.workspace, None, actor="U0")


def serving_all(slack: FakeSlack, chat: FakeChat, database_url: str, **more: str) -> Settings:
    """An askrepo that serves every workspace it is installed in."""
    return house.settings(
        slack,
        slack.installations[0],
        chat,
        database_url,
        SLACK_BOT_TOKEN="",
        SLACK_CLIENT_ID=slack.app.client_id,
        SLACK_CLIENT_SECRET=slack.app.client_secret,
        SLACK_SIGNING_SECRET=slack.app.signing_secret,
        ASKREPO_PUBLIC_URL="https://askrepo.example.com",
        **more,
    )


async def keep(parts: App, slack: FakeSlack, installation: Installation) -> None:
    """Install the app, as OAuth would have."""
    kept = installed(slack, installation)
    await parts.installations.save(kept.workspace, kept.payload(), installed_at=datetime.now(UTC))


def installed(slack: FakeSlack, installation: Installation) -> SlackInstallation:
    return SlackInstallation(
        bot_token=Secret(installation.token),
        bot_user_id=installation.bot.id,
        bot_id=installation.bot_id,
        app_id=slack.app.id,
        team_id=installation.team.id if installation.team else None,
        enterprise_id=installation.enterprise_id,
        scopes=tuple(installation.scopes),
    )
