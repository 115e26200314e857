"""Buttons, shortcuts, forms and the Home tab.

Whatever a payload names (a turn, a channel, a form) is looked up and checked when it comes: it may be old, somebody
else's, or made up.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping

from bots.parts import Parts
from bots.slack import blocks, home, modals, offers
from bots.slack.asking import Asking
from bots.slack.calls import Calls
from bots.slack.forms import About
from bots.slack.installs import Installs
from bots.slack.interactions import Clicked, Shortcut, Submitted
from bots.slack.lifecycle import HomeOpened
from bots.slack.managing import Managing
from bots.slack.people import People
from bots.slack.privately import Somebody
from bots.slack.reference import Reference
from bots.slack.submitting import Submitting
from bots.tasks import Tasks
from core import logs
from core.channels import replies
from core.channels.access import Audience, Standing
from core.channels.pasted import holds_token
from core.conversation.threads import Recent
from core.conversation.values import ChannelRef
from core.errors import AskrepoError
from core.relay.steering import NOT_HERE, Steering
from core.wording import sentence

ABOUT_MESSAGE = "ask_about_message"  # the shortcut's callback_id in the manifest
_THANKED = 10_000
_STEERING = frozenset({blocks.RETRY, blocks.AGAIN, blocks.STOP})

log = logs.get(__name__)


class Pressing:
    """Does what was pressed. Raises DatabaseError for a form that was not accepted; all else is told in private."""

    def __init__(
        self,
        parts: Parts,
        installs: Installs,
        calls: Calls,
        people: People,
        managing: Managing,
        tasks: Tasks,
        asking: Asking,
        steering: Steering,
    ) -> None:
        self._parts = parts
        self._installs = installs
        self._calls = calls
        self._people = people
        self._tasks = tasks
        self._steering = steering
        self._managing = managing
        self._submitting = Submitting(parts, managing, tasks, asking, self._publish)
        self._thanked: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def submitted(self, submitted: Submitted) -> Mapping[str, str] | None:
        """A form was sent: what is wrong with it, by block; None closes it."""
        return await self._submitting.submitted(submitted)

    async def shortcut(self, shortcut: Shortcut) -> None:
        """Somebody wants to ask about a message: begin to open the form."""
        if shortcut.callback_id != ABOUT_MESSAGE:
            log.info("an unknown shortcut")
            return
        thread = shortcut.thread
        somebody = Somebody(
            shortcut.installed, shortcut.asker.user_id, thread.channel, response_url=shortcut.response_url
        )
        if shortcut.empty:
            self._tasks.start(self._managing.privately.say(somebody, replies.NO_TEXT))
            return
        command = shortcut.reference.command
        if command is not None and holds_token(command.about_text):
            self._tasks.start(self._managing.privately.say(somebody, replies.token_pasted()))
            return
        about = About(thread.channel, thread_id=thread.thread_id, reference=shortcut.reference.encode())
        self._tasks.start(self._managing.told(somebody, self._ask_form(somebody, shortcut.trigger_id, about)))

    async def _ask_form(self, somebody: Somebody, trigger_id: str, about: About) -> None:
        view = modals.ask_form(await self._managing.forms.ticket(somebody, modals.ASK_FORM, about))
        await self._managing.opened(somebody, trigger_id, view)

    async def home_opened(self, opened: HomeOpened) -> None:
        """Somebody looks at the app: begin to show them the Home tab."""
        if opened.tab == "home" and opened.installed.team_id:
            somebody = Somebody(opened.installed, opened.asker.user_id, None)
            self._tasks.start(self._publish(somebody, Reference()))

    async def clicked(self, clicked: Clicked) -> None:
        """A button was pressed: begin to do what it is for."""
        somebody = Somebody(
            clicked.installed,
            clicked.asker.user_id,
            clicked.channel,
            thread_ts=_thread_ts(clicked),
            response_url=clicked.response_url if clicked.ephemeral else "",  # else it would be told in the channel
            original=clicked.ephemeral,
        )
        work = self._managing.told(somebody, self._clicked(somebody, clicked))
        if clicked.action_id in _STEERING:
            await self._tasks.begin(work)
        else:
            self._tasks.start(work)

    async def _clicked(self, somebody: Somebody, clicked: Clicked) -> None:
        managing, value, channel = self._managing, clicked.value, clicked.channel
        if clicked.action_id == offers.DEFAULT:
            await managing.default_form(somebody, clicked.trigger_id, clicked.reference)
            return
        if channel is None:
            return
        match clicked.action_id:
            case blocks.RETRY | blocks.AGAIN:
                await self._steered(somebody, clicked, lambda: self._steering.again(channel, value, somebody.user_id))
            case blocks.STOP:
                await self._steered(somebody, clicked, lambda: self._steering.stop_turn(channel, value))
            case blocks.FEEDBACK:
                await self._rated(somebody, clicked, channel)
            case blocks.MAP:
                await self._map(somebody, clicked, channel)
            case offers.TOKEN:
                repository = offers.token_of(value)
                await managing.enter_token(somebody, clicked.trigger_id, clicked.reference, repository)
            case offers.CONFIRM:
                await self._confirmed(somebody, clicked, channel)
            case other:
                log.debug("nothing to be done", action=other)

    async def _steered(self, somebody: Somebody, clicked: Clicked, steer: Callable[[], Awaitable[str]]) -> None:
        """What is said about it goes at Slack's pace, which the acknowledgement does not wait for."""
        refusal = await self._managing.doorman.admitted(somebody, clicked.reference)
        said = sentence(refusal) if refusal is not None else await steer()
        if said:
            self._tasks.start(self._managing.privately.say(somebody, said))

    async def _rated(self, somebody: Somebody, clicked: Clicked, channel: ChannelRef) -> None:
        word, turn_id = clicked.value[:1], clicked.value[1:]
        if word not in {"+", "-"} or await self._steering.place(channel, turn_id) is None:
            return
        refusal = await self._managing.doorman.admitted(somebody, clicked.reference)
        if refusal is not None:
            await self._managing.privately.say(somebody, sentence(refusal))
            return
        await self._parts.feedback.give(channel.workspace, turn_id, somebody.user_id, helpful=word == "+")
        key = (turn_id, somebody.user_id)
        if key in self._thanked:
            return
        self._thanked[key] = None
        if len(self._thanked) > _THANKED:
            self._thanked.popitem(last=False)
        await self._managing.privately.say(somebody, "Thank you. You can change your mind by pressing the other one.")

    async def _map(self, somebody: Somebody, clicked: Clicked, channel: ChannelRef) -> None:
        if await self._steering.place(channel, clicked.value) is None:
            await self._managing.privately.say(somebody, NOT_HERE)
            return
        about = About(
            channel,
            turn_id=clicked.value,
            response_url=somebody.response_url,
            original=somebody.original,
            thread_id=somebody.thread_ts or "",
        )
        await self._managing.map_form(somebody, clicked.trigger_id, clicked.reference, about)

    async def _confirmed(self, somebody: Somebody, clicked: Clicked, channel: ChannelRef) -> None:
        held = await self._managing.doorman.rights(somebody, clicked.reference)
        if not held.manages:
            await self._managing.privately.say(somebody, replies.denied(held.right))
            return
        said = await self._managing.confirm(somebody, channel, clicked.value)
        await self._managing.privately.say(somebody, said, instead=True)

    # the Home tab

    async def _publish(self, somebody: Somebody, reference: Reference) -> None:
        held = await self._managing.doorman.rights(somebody, reference)
        recent: list[Recent] = []
        if held.standing in {Standing.MEMBER, Standing.GUEST}:
            recent = await self._parts.threads.recent(somebody.workspace, somebody.user_id)
        member = held.standing is Standing.MEMBER
        newest = {each.thread.channel: each for each in reversed(recent)}
        view = home.view(
            [await self._where(somebody, each, member=member) for each in reversed(newest.values())],
            [await self._what(each) for each in recent],
            default=await self._managing.default(somebody.workspace) if member else None,
            may_set_default=held.administers,
        )
        client = await self._installs.client(somebody.workspace, somebody.installed.enterprise_id)
        await self._calls.patiently(
            client, somebody.workspace, "views.publish", caller=somebody.user_id, user_id=somebody.user_id, view=view
        )

    async def _where(self, somebody: Somebody, recent: Recent, *, member: bool) -> home.Place:
        """What questions in a channel are about now, where every member may know; else what theirs was about."""
        channel = recent.thread.channel
        try:
            client = await self._installs.client(channel.workspace, somebody.installed.enterprise_id)
            audience = await self._people.audience(client, channel)
        except AskrepoError:
            audience = Audience.UNKNOWN
        if member and audience is Audience.PUBLIC:
            here = await self._parts.mappings.list(channel)
            return home.Place(channel.channel_id, tuple(each.repository for each in here if not each.suspended))
        known = (recent.repository,) if recent.repository is not None else ()
        return home.Place(channel.channel_id, known, earlier=bool(known))

    async def _what(self, recent: Recent) -> home.Asked:
        workspace = recent.thread.channel.workspace
        question = await self._parts.history.text(workspace, recent.turn_id, "question", recent.sealed_question)
        return home.Asked(recent.thread.channel.channel_id, question, recent.asked_at)


def _thread_ts(clicked: Clicked) -> str | None:
    """The thread of the post whose button it is; a private message outside of threads begins none."""
    thread_id = clicked.thread.thread_id if clicked.thread is not None else None
    return None if thread_id == clicked.message_id else thread_id
