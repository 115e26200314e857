"""Forms that were sent, carried out within Slack's three seconds; what is wrong with a field is said at the field."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from bots.parts import Parts
from bots.slack import modals
from bots.slack.asking import Asking
from bots.slack.forms import About
from bots.slack.interactions import Submitted
from bots.slack.managing import Managing
from bots.slack.privately import Somebody
from bots.slack.reference import Reference
from bots.slack.rights import Rights
from bots.tasks import Tasks
from core import logs
from core.channels import aliases, replies
from core.channels.access import Audience
from core.channels.grammar import Map, gives_token
from core.conversation.values import UNSAID, ChannelRef, ThreadRef
from core.errors import (
    AliasTaken,
    AskrepoError,
    BadAlias,
    BadPreference,
    DatabaseError,
    FormGone,
    PlatformAway,
    RepositoryNameError,
    SecretError,
)
from core.repositories import parse, parse_given
from core.secret import Secret, bearer, repeats
from core.wording import code, sentence

_AT_ONCE_SECONDS = 2.0  # of Slack's three, for all that Slack or the service is asked meanwhile

log = logs.get(__name__)

Errors = Mapping[str, str]
Publish = Callable[[Somebody, Reference], Awaitable[None]]


class _Sent(NamedTuple):
    """A form about a channel."""

    somebody: Somebody
    submitted: Submitted
    channel: ChannelRef
    about: About


class Submitting:
    """Carries forms out. Raises DatabaseError: then it was not done, and Slack shows that in the form.

    Where Slack does not say in time who somebody is, nothing is done either: else it would be done behind the error
    that Slack shows after three seconds.
    """

    def __init__(self, parts: Parts, managing: Managing, tasks: Tasks, asking: Asking, publish: Publish) -> None:
        self._parts = parts
        self._managing = managing
        self._tasks = tasks
        self._asking = asking
        self._publish = publish

    async def submitted(self, submitted: Submitted) -> Errors | None:
        """What is wrong, by block; None where nothing is."""
        about = await self._managing.forms.about(submitted)
        if about is None:
            return _at_first(submitted, sentence(FormGone()))
        somebody = Somebody(
            submitted.installed,
            submitted.asker.user_id,
            about.channel,
            thread_ts=about.thread_id or None,
            response_url=about.response_url,
            original=about.original,
        )
        try:
            if about.channel is None:
                return await self._default(somebody, submitted)
            carry_out = {
                modals.ASK_FORM: self._ask,
                modals.MAP_FORM: self._map,
                modals.TOKEN_FORM: self._token,
                modals.SETTINGS_FORM: self._settings,
            }[submitted.callback_id]  # else there would be no ticket
            return await carry_out(_Sent(somebody, submitted, about.channel, about))
        except PlatformAway as error:
            log.warning("a form is not carried out", reason=str(error))
            return _at_first(submitted, sentence(error))

    async def _rights(self, somebody: Somebody, submitted: Submitted) -> Rights:
        """What they may do. Raises PlatformAway where Slack does not say it in time."""
        try:
            async with asyncio.timeout(_AT_ONCE_SECONDS):
                return await self._managing.doorman.rights(somebody, submitted.reference)
        except TimeoutError:
            raise PlatformAway("Slack does not say in time who somebody is") from None

    async def _ask(self, sent: _Sent) -> Errors | None:
        _, submitted, channel, about = sent
        text = submitted.value(modals.QUESTION).strip()
        if not text:
            return {modals.QUESTION: "Write a question."}
        if gives_token(text):
            return {modals.QUESTION: replies.question_with_token()}
        message_id = f"{UNSAID}{submitted.view_id}"
        await self._asking.unsaid(
            ThreadRef(channel, about.thread_id), message_id, submitted.asker, text, about.reference
        )
        await self._managing.forms.use_up(submitted)
        return None

    async def _map(self, sent: _Sent) -> Errors | None:
        asking = asyncio.create_task(self._managing.audience(sent.somebody, sent.channel, _AT_ONCE_SECONDS))
        try:  # while it is found out who somebody is: one after the other they could take longer than Slack waits
            held = await self._rights(sent.somebody, sent.submitted)
            return await self._mapped(sent, held, asking)
        finally:
            asking.cancel()

    async def _mapped(self, sent: _Sent, held: Rights, asking: Awaitable[Audience]) -> Errors | None:
        somebody, submitted, channel, about = sent
        if not held.manages:
            return {modals.REPOSITORY: _plain(replies.denied(held.right))}
        alias = submitted.value(modals.ALIAS).strip()
        try:
            wanted = Map(parse(submitted.value(modals.REPOSITORY)), aliases.check(alias) if alias else None)
            said = await self._managing.map(somebody, channel, wanted, await asking)
        except (BadAlias, AliasTaken) as error:
            return {modals.ALIAS: _plain(sentence(error))}
        except RepositoryNameError as error:
            return {modals.REPOSITORY: _plain(sentence(error))}
        await self._managing.forms.use_up(submitted)
        self._after(somebody, self._managing.mapped(somebody, channel, wanted, said, turn_id=about.turn_id))
        return None

    async def _token(self, sent: _Sent) -> Errors | None:
        somebody, submitted, channel, about = sent
        begun = time.monotonic()
        held = await self._rights(somebody, submitted)
        actor = held.actor(somebody.user_id, of_workspace=about.of_workspace)
        if not actor.may_manage:
            return {modals.TOKEN: _plain(replies.denied(actor.right))}
        label = submitted.value(modals.LABEL)
        try:
            secret = bearer(submitted.value(modals.TOKEN))
        except SecretError as error:
            return {modals.TOKEN: _plain(sentence(error))}
        if repeats(label, secret):
            return {modals.LABEL: "The label repeats the token. Choose another."}
        trying = asyncio.ensure_future(self._try_token(submitted, channel, about, secret, label))
        await asyncio.wait((trying,), timeout=max(0.0, begun + _AT_ONCE_SECONDS - time.monotonic()))
        if trying.done() and (problem := trying.result()) is not None:
            return {modals.TOKEN: _plain(sentence(problem, repository=about.repository))}
        self._after(somebody, self._told_of_token(somebody, about, trying))
        return None

    async def _try_token(
        self, submitted: Submitted, channel: ChannelRef, about: About, secret: Secret, label: str
    ) -> AskrepoError | None:
        """Try a token by a real call, and save it if it is good; what is wrong with it."""
        actor, tokens = submitted.asker.user_id, self._parts.tokens
        place = channel.workspace if about.of_workspace else channel
        try:
            problem = await self._parts.trials.would_take(place, about.repository, secret)
            if problem is not None:
                return problem
            once = self._managing.forms.using_up(submitted)
            if about.of_workspace:
                await tokens.save_for_workspace(channel.workspace, secret, label=label, actor=actor, provided=once)
            else:
                await tokens.save_for_mapping(
                    channel, about.repository, secret, label=label, actor=actor, provided=once
                )
        except DatabaseError:
            raise
        except AskrepoError as error:
            return error
        return None

    async def _told_of_token(
        self, somebody: Somebody, about: About, trying: asyncio.Future[AskrepoError | None]
    ) -> None:
        problem = await trying
        if problem is not None:
            words = f"The token is not saved. {sentence(problem, repository=about.repository)}"
        else:
            whose = "workspace" if about.of_workspace else "channel"
            words = f"The token of this {whose} works for {code(about.repository)}, and is in use from now on."
        await self._managing.privately.say(somebody, words)

    async def _settings(self, sent: _Sent) -> Errors | None:
        somebody, submitted, channel, _ = sent
        held = await self._rights(somebody, submitted)
        wanted = modals.settings_of(submitted)
        if not held.manages:
            return {modals.FOLLOW_UPS: _plain(replies.denied(held.right))}
        if wanted.follow_ups is None:
            return {modals.FOLLOW_UPS: "Choose one of these."}
        wrong = None if wanted.default is None else _default_problem(held, wanted.default)
        if wrong is not None:
            return wrong
        try:
            await self._parts.preferences.set(
                channel,
                follow_ups=wanted.follow_ups,
                guests=wanted.guests,
                outsiders=wanted.outsiders,
                model=wanted.model,
                instructions=wanted.instructions,
                actor=somebody.user_id,
            )
        except BadPreference as error:
            return {_FIELDS.get(error.name, modals.FOLLOW_UPS): _plain(sentence(error))}
        if wanted.default is not None:
            await self._set_default(somebody, wanted.default)
        await self._managing.forms.use_up(submitted)
        self._after(somebody, self._told_settings(somebody, channel))
        return None

    async def _told_settings(self, somebody: Somebody, channel: ChannelRef) -> None:
        preferences = await self._parts.preferences.of(channel)
        default = (await self._parts.mappings.facts(channel)).workspace_default
        await self._managing.privately.say(somebody, f"Saved. {replies.settings(preferences, default)}")

    async def _default(self, somebody: Somebody, submitted: Submitted) -> Errors | None:
        held = await self._rights(somebody, submitted)
        wrong = _default_problem(held, submitted.value(modals.DEFAULT))
        if wrong is None:
            await self._set_default(somebody, submitted.value(modals.DEFAULT))
            await self._managing.forms.use_up(submitted)
            self._after(somebody, self._publish(somebody, submitted.reference))
        return wrong

    async def _set_default(self, somebody: Somebody, given: str) -> None:
        """Set the workspace's default repository, where it changes."""
        name = parse_given(given)
        if await self._managing.default(somebody.workspace) != name:
            await self._parts.mappings.set_default(somebody.workspace, name, actor=somebody.user_id)

    def _after(self, somebody: Somebody, work: Awaitable[None]) -> None:
        self._tasks.start(self._managing.told(somebody, work))


_FIELDS = {"model": modals.MODEL, "instructions": modals.INSTRUCTIONS}


def _default_problem(held: Rights, given: str) -> Errors | None:
    """What stands against this as the workspace's default repository."""
    if not held.administers:
        return {modals.DEFAULT: _plain(replies.denied(held.actor("", of_workspace=True).right))}
    try:
        parse_given(given)
    except RepositoryNameError as error:
        return {modals.DEFAULT: _plain(sentence(error))}
    return None


def _at_first(submitted: Submitted, words: str) -> Errors | None:
    first = next(iter(submitted.values), None)
    return None if first is None else {first: words}


def _plain(words: str) -> str:
    """Markdown of ours as plain text: fields have no formatting."""
    return words.replace("`", "").replace("**", "")
