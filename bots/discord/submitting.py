"""Forms that were sent, carried out. Discord has no errors in forms: what is wrong is said, with a way to try again."""

from __future__ import annotations

from bots.discord import modals
from bots.discord.forms import About
from bots.discord.interactions import Submitted
from bots.discord.managing import Managing
from bots.discord.posing import Posing
from bots.discord.reference import decode
from bots.discord.replying import Reply
from bots.discord.text import readable
from bots.parts import Parts
from core.channels import aliases, replies
from core.channels.commands import Actor
from core.channels.grammar import Map, gives_token
from core.errors import (
    AliasTaken,
    AskrepoError,
    BadAlias,
    BadPreference,
    DatabaseError,
    FormGone,
    RepositoryNameError,
    SecretError,
)
from core.repositories import parse, parse_given
from core.secret import Secret, bearer, repeats
from core.wording import code, sentence


class Submitting:
    """Carries forms out; what comes of it is told. Raises DeliveryError."""

    def __init__(self, parts: Parts, managing: Managing, posing: Posing) -> None:
        self._parts = parts
        self._managing = managing
        self._posing = posing

    async def submitted(self, reply: Reply, submitted: Submitted) -> None:
        """A form was sent: acknowledge it at once, then do what it is for."""
        if submitted.form == modals.ASK_FORM:
            await reply.begin()
        elif submitted.ephemeral:
            await reply.update()
        else:
            await reply.think()
        await self._managing.told(reply, self._carried_out(reply, submitted))

    async def _carried_out(self, reply: Reply, submitted: Submitted) -> None:
        forms, sender = self._managing.forms, submitted.sender
        about = await forms.about(sender, submitted.form, submitted.ticket)
        if about is None:
            await reply.say(sentence(FormGone()))
            return
        carry_out = {
            modals.ASK_FORM: self._ask,
            modals.MAP_FORM: self._map,
            modals.TOKEN_FORM: self._token,
            modals.SETTINGS_FORM: self._settings,
            modals.DEFAULT_FORM: self._default,
        }[submitted.form]  # else there would be no ticket
        problem = await carry_out(reply, submitted, about)
        if problem is not None:
            await forms.use_up(submitted.form, submitted.ticket)
            again = await self._managing.try_again(sender, about, modals.typed_in(submitted))
            await reply.say(problem, again, instead=_instead(submitted, about))

    async def _used(self, submitted: Submitted) -> bool:
        """Whether this form is sent for the first time; it cannot be sent again."""
        return await self._managing.forms.use_up(submitted.form, submitted.ticket)

    def _actor(self, submitted: Submitted, *, of_workspace: bool = False) -> Actor:
        sender = submitted.sender
        return self._managing.rights(sender).actor(sender.asker.user_id, of_workspace=of_workspace)

    async def _ask(self, reply: Reply, submitted: Submitted, about: About) -> str | None:
        text = readable(submitted.value(modals.QUESTION), {})
        if not text:
            return "Write a question."
        if gives_token(text):
            await self._used(submitted)
            await reply.say(replies.question_with_token())
            return None
        reference = decode(about.reference)
        await self._posing.about_message(reply, submitted.sender, about.thread_id, text, reference)
        await self._used(submitted)
        return None

    async def _map(self, reply: Reply, submitted: Submitted, about: About) -> str | None:
        actor, sender = self._actor(submitted), submitted.sender
        if not actor.may_manage:
            await reply.say(replies.denied(actor.right))
            return None
        alias = submitted.value(modals.ALIAS).strip()
        try:
            wanted = Map(parse(submitted.value(modals.REPOSITORY)), aliases.check(alias) if alias else None)
            said = await self._managing.map(sender, wanted)
        except (BadAlias, AliasTaken, RepositoryNameError) as error:
            return sentence(error)
        await self._used(submitted)
        await self._managing.mapped(reply, sender, wanted, said, instead=submitted.ephemeral, turn_id=about.turn_id)
        return None

    async def _token(self, reply: Reply, submitted: Submitted, about: About) -> str | None:
        actor, label = self._actor(submitted, of_workspace=about.of_workspace), submitted.value(modals.LABEL)
        if not actor.may_manage:
            await reply.say(replies.denied(actor.right))
            return None
        try:
            secret = bearer(submitted.value(modals.TOKEN))
        except SecretError as error:
            return sentence(error)
        if repeats(label, secret):
            return "The label repeats the token. Choose another."
        place = submitted.sender.workspace if about.of_workspace else submitted.sender.channel
        problem = await self._parts.trials.would_take(place, about.repository, secret)
        problem = problem or await self._save(submitted, about, secret, label)
        if isinstance(problem, FormGone):
            await reply.say(sentence(problem))
            return None
        if problem is not None:
            return f"The token is not saved. {sentence(problem, repository=about.repository)}"
        whose = "workspace" if about.of_workspace else "channel"
        words = f"The token of this {whose} works for {code(about.repository)}, and is in use from now on."
        await reply.say(words, instead=_instead(submitted, about))
        return None

    async def _save(self, submitted: Submitted, about: About, secret: Secret, label: str) -> AskrepoError | None:
        """Save a token that is good; why it was not."""
        sender, tokens = submitted.sender, self._parts.tokens
        actor, once = sender.asker.user_id, self._managing.forms.using_up(submitted.form, submitted.ticket)
        try:
            if about.of_workspace:
                await tokens.save_for_workspace(sender.workspace, secret, label=label, actor=actor, provided=once)
            else:
                await tokens.save_for_mapping(
                    sender.channel, about.repository, secret, label=label, actor=actor, provided=once
                )
        except DatabaseError:
            raise
        except AskrepoError as error:
            return error
        return None

    async def _settings(self, reply: Reply, submitted: Submitted, about: About) -> str | None:
        actor, channel = self._actor(submitted), submitted.sender.channel
        wanted, preferences = modals.settings_of(submitted), self._parts.preferences
        if not actor.may_manage:
            await reply.say(replies.denied(actor.right))
            return None
        if wanted.follow_ups is None:
            return "Choose which replies are answered."
        wrong = None if wanted.default is None else self._default_problem(submitted)
        if wrong is not None:
            return wrong
        now = await preferences.of(channel)
        try:
            await preferences.set(
                channel,
                follow_ups=wanted.follow_ups,
                guests=now.guests,
                outsiders=now.outsiders,
                model=wanted.model,
                instructions=wanted.instructions,
                actor=actor.user_id,
            )
        except BadPreference as error:
            return sentence(error)
        if wanted.default is not None:
            await self._set_default(submitted)
        await self._used(submitted)
        default = (await self._parts.mappings.facts(channel)).workspace_default
        words = f"Saved. {replies.settings(await preferences.of(channel), default, people=False)}"
        await reply.say(words, instead=_instead(submitted, about))
        return None

    async def _default(self, reply: Reply, submitted: Submitted, about: About) -> str | None:
        wrong = self._default_problem(submitted)
        if wrong is None:
            name = await self._set_default(submitted)
            await self._used(submitted)
            await reply.say(replies.default_set(name), instead=_instead(submitted, about))
        return wrong

    def _default_problem(self, submitted: Submitted) -> str | None:
        """What stands against this as the server's default repository."""
        actor, given = self._actor(submitted, of_workspace=True), submitted.value(modals.DEFAULT)
        if not actor.may_manage:
            return replies.denied(actor.right)
        try:
            parse_given(given)
        except RepositoryNameError as error:
            return sentence(error)
        return None

    async def _set_default(self, submitted: Submitted) -> str | None:
        """Set the server's default repository, where it changes; what it is now."""
        sender, given = submitted.sender, submitted.value(modals.DEFAULT)
        name = parse_given(given)
        if await self._managing.default(sender.channel) != name:
            await self._parts.mappings.set_default(sender.workspace, name, actor=sender.asker.user_id)
        return name


def _instead(submitted: Submitted, about: About) -> bool:
    """Whether what is said takes the place of what was wrong before."""
    return submitted.ephemeral and about.again
