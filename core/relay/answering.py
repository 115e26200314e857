"""One turn: choose the repository, ask /chat, show the answer, record the outcome."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from core import logs, wording
from core.channels.choosing import Choice, choose, names_repository
from core.channels.mappings import Mappings
from core.channels.tokens import ChosenToken, Tokens
from core.chat.client import ChatClient
from core.chat.contract import Message
from core.chat.progress import Delta, Finished, Shortened, Waiting
from core.conversation.history import Exchange, History
from core.conversation.values import Asker, Notice, Outcome, Question
from core.errors import (
    ChatError,
    CipherError,
    DatabaseError,
    DatabaseUnavailable,
    GaveUp,
    LeaseLost,
    MappingError,
    PlaceGone,
    TokenRefused,
)
from core.relay.claims import Claim, Ending
from core.relay.delivery import Delivery, Footer, Writer
from core.relay.leases import MOST_FAILURES, Hold, Leases
from core.relay.pages import closed
from core.relay.posts import Posts

log = logs.get(__name__)

_RECORD_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is sent for one turn, decided before the first byte goes out."""

    choice: Choice
    began_with: str | None  # the repository the thread was on
    token: ChosenToken
    messages: tuple[Message, ...]
    covers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What the thread gets to read: the service's text, as far as it came, and remarks of ours below it."""

    outcome: Outcome
    text: str
    remarks: tuple[str, ...] = ()
    model: str | None = None

    def shown(self) -> str:
        """All of it as one Markdown text; a code block that was cut off is closed before our remarks."""
        if not self.remarks:
            return self.text
        return "\n\n".join(filter(None, (closed(self.text), *self.remarks)))


def conversation(stretches: Sequence[Exchange], questions: Sequence[str]) -> tuple[Message, ...]:
    """The thread as /chat takes it: what was answered, then what is asked now."""
    earlier: list[Message] = []
    for stretch in stretches:
        earlier += [Message(role="user", content=text) for text in stretch.questions]
        earlier.append(Message(role="assistant", content=stretch.answer))
    return (*earlier, *(Message(role="user", content=text) for text in questions))


class Answering:
    """Answers claimed turns. Everything it needs is given; it keeps nothing between turns."""

    def __init__(
        self,
        *,
        leases: Leases,
        posts: Posts,
        history: History,
        mappings: Mappings,
        tokens: Tokens,
        client: ChatClient,
        model: str,
        deliveries: Mapping[str, Delivery],
    ) -> None:
        self._leases = leases
        self._posts = posts
        self._history = history
        self._mappings = mappings
        self._tokens = tokens
        self._client = client
        self._model = model
        self._deliveries = deliveries

    async def answer(self, hold: Hold) -> Outcome:
        """Bring the turn to its one outcome. Raises LeaseLost, DeliveryError or DatabaseError: then it has none yet."""
        claim = hold.claim
        try:
            ending = await self._ending(hold)
        except PlaceGone as error:
            log.warning("the place is gone", turn=claim.turn_id, reason=str(error))
            ending = Ending(Outcome.FAILED)
        except (LeaseLost, DatabaseError):
            raise
        except Exception:
            if claim.failures < MOST_FAILURES:
                raise
            log.exception("gave up, and cannot even say so", turn=claim.turn_id)
            ending = Ending(Outcome.FAILED)
        await self._record(hold, ending)
        return ending.outcome

    async def _record(self, hold: Hold, ending: Ending) -> None:
        """Record what is shown already: as long as the lease lasts, a database that is away is worth waiting for."""
        hold.ending = True
        while True:
            try:
                await self._leases.finish(hold.claim, ending)
            except DatabaseUnavailable as error:
                hold.check()
                log.warning("not recorded yet", turn=hold.claim.turn_id, reason=str(error))
                await asyncio.sleep(_RECORD_AGAIN_SECONDS)
            else:
                return

    async def _ending(self, hold: Hold) -> Ending:
        claim = hold.claim
        question = _question(claim, "")
        if claim.failures >= MOST_FAILURES:
            return await self._give_up(hold, question)
        try:
            question = replace(question, text=await self._text(claim, claim.turn_id, claim.sealed_question))
            return await self._end(hold, question)
        except (MappingError, CipherError) as error:
            return await self._refuse(hold, question, error)

    async def _give_up(self, hold: Hold, question: Question) -> Ending:
        """The visible failure of a turn that failed too often; nothing that may have failed it is tried again."""
        writer = Writer(self._delivery(question), self._posts, hold, question)
        try:
            await writer.begin()
            await writer.finish(wording.sentence(GaveUp()), Footer(Outcome.FAILED, None, None, _age(question)))
        finally:
            await writer.abandon()
        return Ending(Outcome.FAILED)

    async def _end(self, hold: Hold, question: Question) -> Ending:
        plan = await self._plan(hold.claim, question)
        if plan.choice.repository != plan.began_with:
            await self._history.stay(question.thread, plan.choice.repository)
        writer = Writer(self._delivery(question), self._posts, hold, question)
        try:
            await writer.begin()
            said = await self._ask(hold, plan, writer)
            footer = Footer(said.outcome, plan.choice.repository, said.model, _age(question))
            await writer.finish(said.shown(), footer)
        finally:
            await writer.abandon()
        sealed = await self._history.seal_answer(question.thread, hold.claim.turn_id, said.text) if said.text else None
        covers = plan.covers if said.outcome is not Outcome.FAILED else ()
        return Ending(said.outcome, sealed, plan.choice.repository, said.model, covers)

    async def _refuse(self, hold: Hold, question: Question, error: MappingError | CipherError) -> Ending:
        log.info("refused", turn=hold.claim.turn_id, reason=type(error).__name__)
        delivery = self._delivery(question)
        if hold.claim.attempt > 1:
            await Writer(delivery, self._posts, hold, question).clear()
        async with hold.acting():
            await delivery.tell(question, hold.claim.turn_id, Notice(wording.sentence(error)))
        return Ending(Outcome.REFUSED)

    async def _plan(self, claim: Claim, question: Question) -> Plan:
        facts = await self._mappings.facts(claim.thread)
        choice = choose(facts, question.text)
        token = await self._tokens.choose(claim.thread.channel.workspace, choice.token_id)
        texts, covers = [choice.text], []
        for waiting in await self._leases.behind(claim):
            if waiting.attempt:
                break  # something of it may be shown already
            text = await self._text(claim, waiting.turn_id, waiting.sealed_question)
            if names_repository(text):
                break  # it chooses a repository of its own
            texts.append(text)
            covers.append(waiting.turn_id)
        messages = conversation(await self._history.exchanges(claim.thread), texts)
        return Plan(choice, facts.thread_repository, token, messages, tuple(covers))

    async def _ask(self, hold: Hold, plan: Plan, writer: Writer) -> Said:
        """What is to be said in the end: the answer, or why there is none. Raises only what a redo may mend."""
        remarks = [wording.switched(plan.choice.repository)] if plan.choice.switched else []
        try:
            finished = await _unless(hold.stop, self._stream(plan, writer, remarks))
        except ChatError as error:
            log.info("not answered", turn=hold.claim.turn_id, reason=type(error).__name__, detail=error.detail)
            if isinstance(error, TokenRefused) and plan.token.token_id is not None:
                await self._tokens.mark_refused(hold.claim.thread.channel.workspace, plan.token.token_id)
            words = wording.sentence(error, repository=plan.choice.repository, model=self._model)
            return Said(Outcome.FAILED, error.partial, (*remarks, words))
        if finished is None:
            return Said(Outcome.STOPPED, writer.text, (*remarks, wording.stopped()))
        early = wording.ended_early(finished.finish_reason)
        return Said(Outcome.ANSWERED, finished.text, (*remarks, early) if early else tuple(remarks), finished.model)

    async def _stream(self, plan: Plan, writer: Writer, remarks: list[str]) -> Finished | None:
        asked = self._client.ask(plan.choice.repository, plan.messages, plan.token.secret)
        async with contextlib.aclosing(asked) as steps:
            async for step in steps:
                match step:
                    case Delta(text):
                        writer.add(text)
                    case Waiting(seconds, reason):
                        writer.note(wording.waiting(reason, seconds))
                    case Shortened(dropped):
                        remarks.append(wording.shortened(dropped))
                    case Finished():
                        return step
        return None

    async def _text(self, claim: Claim, turn_id: str, sealed: bytes) -> str:
        return await self._history.question(claim.thread, turn_id, sealed)

    def _delivery(self, question: Question) -> Delivery:
        return self._deliveries[question.thread.channel.platform]


def _question(claim: Claim, text: str) -> Question:
    return Question(claim.thread, claim.message_id, claim.order, Asker(claim.asker_id), text, claim.asked_at)


def _age(question: Question) -> float:
    """Seconds since it was asked."""
    return max(0.0, (datetime.now(UTC) - question.asked_at).total_seconds())


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, Finished | None]) -> Finished | None:
    """What `work` returns, or None once `stop` is set; by then it has ended, its connection closed."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
