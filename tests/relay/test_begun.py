"""What has begun is ended before anything else of its thread begins."""

from __future__ import annotations

from core.conversation.values import Outcome
from core.database import Database
from core.relay.claims import Scope
from core.relay.endings import Ending
from core.relay.intake import Intake
from core.relay.leases import Leases
from core.workspaces import Workspaces
from tests.relay.places import UNLIMITED, question, thread

ALL = Scope(("console", "slack", "discord"))


async def test_a_question_that_arrives_late_waits_for_what_has_begun(
    database: Database, workspaces: Workspaces
) -> None:
    """Else two turns of a thread could have unfinished posts, and take each other's: one answer would be lost."""
    intake, leases = Intake(database, workspaces, lambda: None, UNLIMITED), Leases(database, UNLIMITED)
    await intake.accept(question(at=5, within=thread()))
    await leases.hand_back(await leases.claim("ends", ALL, 10))
    await intake.accept(question(at=4, within=thread()))
    claimed = []
    while claims := await leases.claim("goes on", ALL, 10):
        claimed += [(claim.order, claim.attempt) for claim in claims]
        for claim in claims:
            await leases.finish(claim, Ending(Outcome.ANSWERED))
    assert claimed == [(5, 2), (4, 1)]
