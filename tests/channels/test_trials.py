"""Trials: what a real call says, and how often one person has it made."""

from __future__ import annotations

import time
from functools import partial

from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.tokens import Tokens
from core.channels.trials import Trials
from core.cipher import Keyring
from core.database import Database
from core.errors import AskrepoError
from core.relay import acts
from core.relay.limits import Allowances
from core.secret import Secret
from core.workspaces import Workspaces
from tests.channels.places import CHANNEL, THREAD


async def test_trials_of_one_person_are_counted(database: Database, workspaces: Workspaces, keyring: Keyring) -> None:
    tried = []

    async def check(repository: str, token: Secret | None, *, model: str | None = None) -> AskrepoError | None:
        tried.append(repository)
        return None

    mappings = Mappings(database, workspaces, process_repository=None)
    tokens = Tokens(database, workspaces, keyring, origin=None, process_token=None)
    count = partial(acts.count, Allowances(database, workspaces))
    trials = Trials(mappings, tokens, Preferences(database, workspaces), check, count)
    assert await trials.health(CHANNEL, "U1") == ""
    await mappings.map(CHANNEL, "acme/web", actor="U1")
    began = time.monotonic()
    said = [await trials.health(THREAD, "U1") for _ in range(25)]
    most = 20 + int((time.monotonic() - began) / 6)
    assert all("it answers" in each for each in said[:20])
    assert all(each.startswith("Service: not tried. ") and "again in" in each for each in said[most:])
    assert 20 <= len(tried) <= most
    assert "it answers" in await trials.health(THREAD, "U2")
