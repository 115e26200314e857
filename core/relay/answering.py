"""One turn: choose the repository, ask /chat, show the answer, record the outcome."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime

from core import logs, wording
from core.channels.tokens import Tokens
from core.chat.client import ChatClient
from core.chat.progress import Delta, Finished, Shortened, Waiting
from core.conversation.history import History
from core.conversation.values import Notice, Offer, Outcome, Question, ThreadRef
from core.errors import (
    AccessError,
    AllowanceSpent,
    AskrepoError,
    ChatError,
    CipherError,
    DatabaseError,
    DatabaseUnavailable,
    Declined,
    DeliveryError,
    DeliveryFailed,
    GaveUp,
    LeaseLost,
    Level,
    MappingError,
    NotMapped,
    PlaceGone,
    PlatformAway,
    PostUnknown,
    SettingsError,
    TokenRefused,
    TooManyAsked,
)
from core.metrics import Metrics
from core.relay.claims import Claim, still_held
from core.relay.delivery import Delivery, Footer
from core.relay.endings import STAYS, Ending
from core.relay.hold import Hold
from core.relay.leases import MOST_FAILURES, Leases
from core.relay.limits import Allowances
from core.relay.patience import in_vain, word_expected
from core.relay.planning import Plan, Planning, bare_question
from core.relay.posts import Posts
from core.relay.recording import recorded
from core.relay.said import Said
from core.relay.shares import Shares
from core.relay.stopping import unless
from core.relay.writer import Writer

log = logs.get(__name__)

_TELL_AGAIN_SECONDS = 0.5
_TOKEN_SECONDS = 60.0  # a token that had its share can be used again by then


class Answering:
    """Answers claimed turns. Everything it needs is given; it keeps nothing between turns."""

    def __init__(
        self,
        *,
        leases: Leases,
        posts: Posts,
        history: History,
        planning: Planning,
        tokens: Tokens,
        client: ChatClient,
        model: str,
        deliveries: Mapping[str, Delivery],
        allowances: Allowances,
        shares: Shares = Shares(),  # noqa: B008 - frozen
        metrics: Metrics | None = None,
    ) -> None:
        self._leases = leases
        self._posts = posts
        self._history = history
        self._planning = planning
        self._tokens = tokens
        self._client = client
        self._model = model
        self._deliveries = deliveries
        self._allowances = allowances
        self._metrics = metrics or Metrics()
        self._token_rate = shares.token

    async def answer(self, hold: Hold) -> Outcome:
        """Bring the turn to its one outcome. Raises LeaseLost, DeliveryError or DatabaseError: then it has none yet."""
        claim = hold.claim
        try:
            ending = await self._ending(hold)
        except PlaceGone as error:
            log.warning("the place is gone", turn=claim.turn_id, kind=type(error).__name__, reason=str(error))
            if isinstance(error, PostUnknown):
                self._metrics.unknowable(claim.workspace.platform)
            ending = await self._last_word(hold, error)
        except (LeaseLost, DatabaseError):
            raise
        except (PlatformAway, SettingsError) as error:
            if not in_vain(claim):
                raise
            log.warning("nobody could be told", turn=claim.turn_id, reason=str(error))
            ending = Ending(Outcome.FAILED, told=True)
        except Exception:
            if claim.failures < MOST_FAILURES:
                raise
            log.exception("gave up, and cannot say so there", turn=claim.turn_id)
            ending = await self._last_word(hold, GaveUp())
        if hold.claim.answered and ending.told:
            ending = STAYS  # whoever may not, or cannot, have it anew takes it from nobody
        hold.ending = True
        await recorded(lambda: self._leases.finish(hold.claim, ending), claim.turn_id)
        return ending.outcome

    async def _last_word(self, hold: Hold, error: PlaceGone | GaveUp) -> Ending:
        """Where the thread is closed to us, the platform may still reach the asker.

        Where it takes nothing just now the turn is put back, for an hour, and while it is away as a whole, for a day:
        raises PlatformAway.
        """
        question = bare_question(hold.claim)
        told = Notice(wording.sentence(error))
        try:
            with contextlib.suppress(CipherError):
                question = await self._planning.question(hold.claim)  # the platform may need its reference
            writer = self._writer(hold, question)
            if isinstance(error, GaveUp):
                await self._give_way(hold, writer)
            try:
                await writer.tell(told)
            except DeliveryFailed:
                await asyncio.sleep(_TELL_AGAIN_SECONDS)
                await writer.tell(told)
        except (LeaseLost, DatabaseError, PlatformAway, SettingsError):
            raise
        except DeliveryError as failure:
            if isinstance(failure, DeliveryFailed) and word_expected(hold.claim):
                raise PlatformAway(f"nobody could be told yet: {failure}") from None
            log.warning("nobody could be told", turn=hold.claim.turn_id, reason=str(failure))
        except Exception:
            log.exception("nobody could be told", turn=hold.claim.turn_id)
        return Ending(Outcome.FAILED, told=True)

    async def _give_way(self, hold: Hold, writer: Writer) -> None:
        """Before a notice takes the answer's place: from here on no attempt shows an answer, and none is seen."""
        await self._leases.decline(hold.claim, GaveUp())
        if hold.claim.attempt > 1 and not hold.claim.answered:
            with contextlib.suppress(PlaceGone):
                await writer.clear()

    async def _ending(self, hold: Hold) -> Ending:
        claim = hold.claim
        question = bare_question(claim)
        try:
            question = await self._planning.question(claim)
            if isinstance(claim.declined, GaveUp):
                return await self._last_word(hold, claim.declined)
            if claim.failures < MOST_FAILURES:
                if type(claim.declined) is Declined:
                    await self._planning.plan(claim, question)  # raises what it was refused with, if that still holds
                if claim.declined is not None:
                    raise claim.declined
                return await self._end(hold, question)
        except (AccessError, MappingError, CipherError, Declined) as error:
            if claim.failures < MOST_FAILURES:
                return await self._refuse(hold, question, error)
        if isinstance(claim.declined, Declined):
            return await self._refuse(hold, question, claim.declined)  # told before, perhaps: no post stands beside it
        unsaid = question.unsaid and question.thread.thread_id == question.message_id
        if claim.declined is not None or claim.answered or unsaid:
            return await self._last_word(hold, GaveUp())  # the same; or there is no thread yet to say it in
        return await self._give_up(hold, question)

    async def _give_up(self, hold: Hold, question: Question) -> Ending:
        """The visible failure of a turn that failed too often; nothing that may have failed it is tried again."""
        writer = self._writer(hold, question)
        try:
            await writer.begin()
            await writer.finish(
                wording.sentence(GaveUp()), Footer(Outcome.FAILED, None, None, question.age(datetime.now(UTC)))
            )
        finally:
            await writer.abandon()
        return Ending(Outcome.FAILED)

    async def _end(self, hold: Hold, question: Question) -> Ending:
        plan = await self._planning.plan(hold.claim, question)
        await self._take_share(hold.claim, plan)
        if hold.claim.answered:
            if hold.stop.is_set():
                return STAYS
            await self._leases.begin_anew(hold.claim)
            hold.began_anew()
        writer = self._writer(hold, question)
        if question.unsaid:
            await writer.echo(lambda thread: self._move(hold, thread))
        try:
            await writer.begin()
            said = await self._ask(hold, plan, writer)
            footer = Footer(
                said.outcome, plan.choice.repository, said.model, question.age(datetime.now(UTC)), plan.alias
            )
            await writer.finish(said.shown(), footer)
        finally:
            await writer.abandon()
        sealed = await self._history.seal(hold.claim.workspace, hold.claim.turn_id, "answer", said.text)
        kept = sealed if said.text else None
        covers = tuple(each for each in plan.covers if said.covers(same_asker=each.asker_id == hold.claim.asker_id))
        return Ending(said.outcome, kept, plan.choice.repository, said.model, covers)

    async def _take_share(self, claim: Claim, plan: Plan) -> None:
        """Count what is asked with it against the token's share. Raises TooManyAsked."""
        token_id = plan.token.token_id
        if token_id is None:
            return
        rate = self._token_rate
        within = 0.0 if claim.attempt == 1 else _TOKEN_SECONDS  # one that was interrupted is not refused at once
        try:
            await self._allowances.reserve(
                claim.workspace, f"/chat {token_id}", per_minute=rate.per_minute, burst=rate.burst, within=within
            )
        except AllowanceSpent:
            raise TooManyAsked(Level.TOKEN, _TOKEN_SECONDS) from None

    async def _move(self, hold: Hold, thread: ThreadRef) -> None:
        await self._leases.move(hold.claim, thread)
        hold.moved(thread)

    async def _refuse(self, hold: Hold, question: Question, error: AskrepoError) -> Ending:
        log.info("refused", turn=hold.claim.turn_id, reason=type(error).__name__)
        writer = self._writer(hold, question)
        if hold.claim.declined is None:
            await self._leases.decline(hold.claim, error)
        offer = Offer.MAP if isinstance(error, NotMapped) else Offer.AGAIN if isinstance(error, Declined) else None
        if hold.claim.attempt > 1 and not hold.claim.answered:
            await writer.clear()
        await writer.tell(Notice(wording.sentence(error), offer))
        return Ending(Outcome.REFUSED, told=True)

    async def _ask(self, hold: Hold, plan: Plan, writer: Writer) -> Said:
        """What is to be said in the end: the answer, or why there is none. Raises only what a redo may mend."""
        remarks = [*([wording.switched(plan.choice.repository)] if plan.choice.switched else []), *plan.remarks]
        try:
            finished = await unless(hold.stop, self._stream(hold.claim, plan, writer, remarks), writer.pacing)
        except ChatError as error:
            log.info("not answered", turn=hold.claim.turn_id, reason=type(error).__name__, detail=error.detail)
            if isinstance(error, TokenRefused) and plan.token.token_id is not None:
                await self._tokens.mark_refused(hold.claim.thread.channel.workspace, plan.token.token_id)
            words = wording.sentence(error, repository=plan.choice.repository, model=plan.model or self._model)
            return Said(Outcome.FAILED, error.partial, (*remarks, self._words(hold.claim, words)))
        if finished is None:
            return Said(Outcome.STOPPED, writer.text, (*remarks, await self._why_stopped(hold.claim)))
        early = wording.ended_early(finished.finish_reason)
        return Said(Outcome.ANSWERED, finished.text, (*remarks, early) if early else tuple(remarks), finished.model)

    async def _why_stopped(self, claim: Claim) -> str:
        with contextlib.suppress(DatabaseUnavailable):  # what is said does not wait for it
            if await self._history.erased(claim.workspace, claim.turn_id):
                return wording.question_deleted()
        return wording.stopped()

    async def _stream(self, claim: Claim, plan: Plan, writer: Writer, remarks: list[str]) -> Finished | None:
        async def ready() -> None:
            if plan.choice.repository != plan.began_with:  # the thread is bound to it from here on
                await self._history.stay(claim.thread, plan.choice.repository, provided=still_held(claim))
            await self._posts.check(claim)  # last: what it is asked with may have been taken back since it was planned

        asked = self._client.ask(
            plan.choice.repository,
            plan.messages,
            plan.token.secret,
            ready,
            model=plan.model,
            every=self._deliveries[claim.workspace.platform].limits.seconds_late,
        )
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

    def _words(self, claim: Claim, words: str) -> str:
        """Words of ours, as people of that platform say them."""
        return self._deliveries[claim.workspace.platform].limits.native(words)

    def _writer(self, hold: Hold, question: Question) -> Writer:
        delivery = self._deliveries[question.thread.channel.platform]
        return Writer(delivery, self._posts, hold, question, self._metrics)
