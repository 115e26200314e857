"""Decides all that is sent for one turn, before its first byte goes out: who asks, about which code, with what."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from core.channels import access
from core.channels.access import Audience, Refusal
from core.channels.choosing import Choice, Facts, choose, names_repository
from core.channels.mappings import Mappings
from core.channels.preferences import ChannelPreferences, Preferences
from core.channels.tokens import ChosenToken, Tokens
from core.chat.contract import Message
from core.conversation.history import Exchange, History, put
from core.conversation.values import Asker, Question
from core.errors import AccessUnknown, CipherError, DeliveryError, NoDefault, NothingAsked, NotMapped
from core.relay.claims import Claim, Open
from core.relay.delivery import Delivery, Surroundings
from core.relay.endings import Covered
from core.relay.leases import Leases
from core.relay.patience import patiently
from core.repositories import same

_SUSPENDED_BY = "askrepo"  # as the audit table has it


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is sent for one turn."""

    choice: Choice
    began_with: str | None  # the repository the thread was on
    token: ChosenToken
    messages: tuple[Message, ...]
    alias: str | None
    model: str | None  # the channel's own
    covers: tuple[Covered, ...]
    remarks: tuple[str, ...]


def conversation(
    instructions: str | None, stretches: Sequence[Exchange], questions: Sequence[str]
) -> tuple[Message, ...]:
    """The thread as /chat takes it: the channel's instructions, what was answered, then what is asked now."""
    messages = [Message(role="system", content=instructions)] if instructions else []
    for stretch in stretches:
        messages += [Message(role="user", content=text) for text in stretch.questions]
        messages.append(Message(role="assistant", content=stretch.answer))
    return (*messages, *(Message(role="user", content=text) for text in questions))


class Planning:
    """Plans claimed turns. Raises AccessError and MappingError for a question that is refused, and DatabaseError."""

    def __init__(
        self,
        *,
        leases: Leases,
        history: History,
        mappings: Mappings,
        tokens: Tokens,
        preferences: Preferences,
        deliveries: Mapping[str, Delivery],
    ) -> None:
        self._leases = leases
        self._history = history
        self._mappings = mappings
        self._tokens = tokens
        self._preferences = preferences
        self._deliveries = deliveries

    async def question(self, turn: Open) -> Question:
        """The question of a stored turn. Raises CipherError."""
        return replace(
            bare_question(turn),
            text=await self._history.text(turn.workspace, turn.turn_id, "question", turn.sealed_question),
            reference=await self._history.text(turn.workspace, turn.turn_id, "reference", turn.sealed_reference),
        )

    async def plan(self, claim: Claim, question: Question) -> Plan:
        """The plan for a claimed turn, and for the turns waiting behind it that one answer can cover."""
        thread = question.thread
        preferences = await self._preferences.of(thread.channel)
        stretches = await self._history.exchanges(thread, before=question.order)
        facts = await self._mappings.facts(thread)
        first = not stretches and not await self._history.began_anew(thread)
        around = await self._around(claim, question, preferences, facts, first=first)
        try:
            choice = choose(facts, question.text)
        except NotMapped:
            if around.audience is Audience.DIRECT:
                raise NoDefault from None
            raise
        mapping = next((each for each in facts.mappings if same(each.repository, choice.repository)), None)
        if around.audience is Audience.SHARED and mapping is None:
            raise NotMapped  # other organisations read along: a default set for everywhere is not meant for them
        token = await self._tokens.choose(claim.workspace, choice.token_id)
        if not (choice.text.strip() or around.context or claim.stop_requested):  # else it was deleted
            raise NothingAsked(choice.repository)
        texts, covers, remarks = [put(choice.text, around.context)], list[Covered](), [*around.remarks]
        for waiting in await self._leases.behind(claim):
            more = await self._also(waiting, preferences, around.audience)
            if more is None:
                break
            texts.append(put(more[0], more[1].context))
            remarks += more[1].remarks
            sealed = await self._sealed(waiting, more[1].context)
            covers.append(Covered(waiting.turn_id, waiting.revision, waiting.asker_id, sealed))
        return Plan(
            choice=choice,
            began_with=facts.thread_repository,
            token=token,
            messages=conversation(preferences.instructions, stretches, texts),
            alias=mapping.alias if mapping is not None else None,
            model=preferences.model,
            covers=tuple(covers),
            remarks=tuple(dict.fromkeys(remarks)),
        )

    async def _also(
        self, waiting: Open, preferences: ChannelPreferences, audience: Audience
    ) -> tuple[str, Surroundings] | None:
        """A waiting turn that the same answer can cover; None for one that has to wait for its own."""
        if waiting.attempt or waiting.declined is not None:
            return None  # something of it may be shown already, or it is refused on its own
        try:
            question = await self.question(waiting)
        except CipherError:
            return None  # it is refused on its own
        if question.unsaid or names_repository(question.text):
            return None  # it has to be shown first, or chooses a repository of its own
        delivery = self._deliveries[waiting.workspace.platform]
        try:
            around = await patiently(lambda: delivery.survey(question, first=False, since=None))
        except DeliveryError:
            return None  # it finds that out on its own
        if access.decide(around.standing, preferences.rules, recorded=None, now=audience) is not None:
            return None  # it is refused on its own
        return question.text, around

    async def _around(
        self, claim: Claim, question: Question, preferences: ChannelPreferences, facts: Facts, *, first: bool
    ) -> Surroundings:
        """What stands around the question, for somebody who may ask; kept, so that it is the same for a redo."""
        delivery = self._deliveries[claim.workspace.platform]
        kept = await self._history.text(claim.workspace, claim.turn_id, "context", claim.sealed_context)
        # of who comes to a channel without a mapping, nothing is suspended that other processes would see
        since = None if facts.mappings else time.monotonic()
        around = await patiently(lambda: delivery.survey(question, first=first and not kept, since=since))
        await self._admit(claim, around, preferences, facts)
        if kept:
            return replace(around, context=kept)
        sealed = await self._sealed(claim, around.context)
        if sealed is not None:
            await self._leases.keep_context(claim, sealed)
        return around

    async def _sealed(self, turn: Open, context: str) -> bytes | None:
        return await self._history.seal(turn.workspace, turn.turn_id, "context", context) if context else None

    async def _admit(self, claim: Claim, around: Surroundings, preferences: ChannelPreferences, facts: Facts) -> None:
        """Raise AccessError for somebody who may not ask here, or where more people read along than were told of."""
        channel, recorded = claim.thread.channel, None
        if facts.mappings and around.audience is not Audience.DIRECT:
            recorded = preferences.audience or await self._preferences.record_audience(channel, around.audience)
        refusal = access.decide(around.standing, preferences.rules, recorded=recorded, now=around.audience)
        if refusal is Refusal.WIDENED and recorded is not None:
            await self._mappings.suspend_widened(channel, recorded, actor=_SUSPENDED_BY, turn_id=claim.turn_id)
        if refusal is not None:
            raise refusal.error or AccessUnknown


def bare_question(turn: Open) -> Question:
    """The question of a stored turn without its text."""
    asker, occasion = Asker(turn.asker_id), f"{turn.revision} {turn.line_at}"
    return Question(turn.thread, turn.message_id, turn.order, asker, "", turn.asked_at, occasion=occasion)
