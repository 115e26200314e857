"""What people type after `/askrepo`, from the text to the reply."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.channels.commands import Actor, Commands
from core.channels.grammar import Ask, parse
from core.channels.mappings import Mappings
from core.channels.preferences import Preferences
from core.channels.tokens import Tokens
from core.cipher import Keyring
from core.conversation.followup import FollowUps
from core.conversation.history import History
from core.conversation.values import ChannelRef, ThreadRef
from core.database import Database
from core.secret import Secret
from core.tables import AuditRow, MappingRow, TokenRow
from core.workspaces import Workspaces
from tests.channels.places import CHANNEL, THREAD, WORKSPACE, rows

ORIGIN = "https://chat.example.com"
ADMIN = Actor("U1", may_manage=True, right="Manage Channels")
MEMBER = Actor("U2", right="Manage Channels")


class Chat:
    """A channel in which commands are typed."""

    def __init__(self, database: Database, workspaces: Workspaces, keyring: Keyring) -> None:
        self.database = database
        self.mappings = Mappings(database, workspaces, process_repository=None)
        self.tokens = Tokens(database, workspaces, keyring, origin=ORIGIN, process_token=None)
        self.history = History(database, workspaces)
        self.preferences = Preferences(database, workspaces)
        self._commands = Commands(self.mappings, self.tokens, self.preferences)

    async def types(self, text: str, *, actor: Actor = ADMIN, place: ThreadRef | ChannelRef = THREAD) -> str:
        """The reply to a command."""
        command = parse(text)
        assert not isinstance(command, Ask)
        return (await self._commands.run(command, place, actor)).text


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: what is said does not depend on the database, and what is stored is tested elsewhere on both."""
    return sqlite_url


@pytest.fixture
def chat(database: Database, workspaces: Workspaces, keyring: Keyring) -> Chat:
    return Chat(database, workspaces, keyring)


async def test_mapping_listing_and_unmapping(chat: Chat) -> None:
    assert await chat.types("map acme/web as web") == (
        "Questions in this channel are about `github.com/acme/web` now. `in:web` at the start of a question names it."
    )
    assert await chat.types("map acme/api") == (
        "`github.com/acme/api` is mapped here now. Questions without `in:` stay with `github.com/acme/web`; "
        "`/askrepo map github.com/acme/api` once more makes this one the default."
    )
    first, web, api = (await chat.types("list")).splitlines()
    assert first == "Mapped here:"
    assert web.startswith("- `github.com/acme/web` (as `web`, default), set by `U1` on 20")
    assert api.startswith("- `github.com/acme/api`, set by `U1` on 20")
    assert await chat.types("map acme/api as web") == (
        "The alias `web` already names `github.com/acme/web` here. Choose another, or run "
        "`/askrepo unmap github.com/acme/web` first."
    )
    assert await chat.types("unmap") == (
        "Several repositories are mapped here: `github.com/acme/web`, `github.com/acme/api`. Say which one you mean, "
        "such as `/askrepo unmap github.com/acme/web`."
    )
    assert await chat.types("unmap nothing") == (
        "`nothing` names nothing here. You can write `web`, `github.com/acme/api`."
    )
    assert await chat.types("unmap web") == (
        "`github.com/acme/web` is not mapped here any more. "
        "Questions in this channel are about `github.com/acme/api` now."
    )
    assert await chat.types("unmap acme/web") == (
        "`github.com/acme/web` is not mapped here. Somebody who may manage this channel's mappings can map it with "
        "`/askrepo map github.com/acme/web`; `/askrepo list` shows what is mapped."
    )
    assert await chat.types("unmap") == "`github.com/acme/api` is not mapped here any more."
    assert "No repository is mapped here yet" in await chat.types("list")


async def test_unmapping_by_a_word_that_names_nothing_tells_what_would(chat: Chat) -> None:
    assert await chat.types("unmap flask") == (
        "`flask` names nothing here: this channel has no mappings to choose from."
    )
    await chat.types("map pallets/flask")
    await chat.types("map acme/api as api")
    assert await chat.types("unmap flask") == (
        "`flask` names nothing here. You can write `github.com/pallets/flask`, `api`."
    )


async def test_without_a_mapping_the_list_names_the_default(chat: Chat) -> None:
    await chat.mappings.set_default(WORKSPACE, "acme/docs", actor="U1")
    assert await chat.types("list", place=CHANNEL) == (
        "No repository is mapped here. Questions are about `github.com/acme/docs`, the workspace's default."
    )


async def test_why_shows_each_rule(chat: Chat) -> None:
    assert (await chat.types("why")).endswith(
        "No repository is mapped here yet. Somebody who may manage this channel's mappings can map one with "
        "`/askrepo map owner/name`."
    )
    await chat.types("map acme/web as web")
    await chat.history.stay(THREAD, "github.com/acme/old")
    lines = (await chat.types("why")).splitlines()
    assert lines[1] == "1. `in:…` in the question: not given"
    assert lines[2] == "2. this thread: `github.com/acme/old`, may not be used"
    assert lines[3].startswith("3. this channel's mapping: `github.com/acme/web`, not needed, set by `U1` on 20")
    assert lines[-1].startswith("This thread is about `github.com/acme/old`, which is not mapped here any more.")
    lines = (await chat.types("why in:web")).splitlines()
    assert lines[1].startswith("1. `in:…` in the question: `github.com/acme/web`, **chosen**, set by `U1` on 20")
    assert lines[2] == "2. this thread: `github.com/acme/old`, not needed"
    assert "**chosen**" in (await chat.types("why", place=CHANNEL)).splitlines()[3]


async def test_status_shows_repository_and_token(chat: Chat) -> None:
    assert "No repository is mapped here yet" in await chat.types("status")
    await chat.types("map acme/web")
    assert await chat.types("status") == "- Repository: `github.com/acme/web`\n- Token: none"
    stored = await chat.tokens.save_for_mapping(
        CHANNEL, "acme/web", Secret("cAnArY-0123456789"), label="web", actor="U1"
    )
    said = await chat.types("status")
    assert said.startswith(
        "- Repository: `github.com/acme/web`\n"
        f"- Token: the mapping's, `web` (ending in `6789`, fingerprint `{stored.fingerprint}`, set by `U1` on 20"
    )
    assert said.endswith("): in use")
    assert "cAnArY" not in said
    await chat.tokens.mark_refused(WORKSPACE, stored.token_id)
    assert "**refused by the service** on 20" in await chat.types("status")
    await chat.tokens.save_for_mapping(CHANNEL, "acme/web", Secret("cAnArY-0123456789"), label="", actor="U1")
    assert "Token: the mapping's (ending in `6789`, " in await chat.types("status")


async def test_a_token_of_another_service_is_shown_as_not_sent(
    chat: Chat, database: Database, workspaces: Workspaces, keyring: Keyring
) -> None:
    elsewhere = Tokens(database, workspaces, keyring, origin="https://old.example.com", process_token=None)
    await elsewhere.save_for_workspace(WORKSPACE, Secret("cAnArY-0123456789"), actor="U1")
    await chat.types("map acme/web")
    for text in ("status", "token", "token workspace"):
        assert "**not sent**, it was entered for another service" in await chat.types(text)
        assert "old.example.com" not in await chat.types(text)


async def test_removing_tokens(chat: Chat, database: Database) -> None:
    assert await chat.types("token remove") == "This channel has no token of its own."
    assert await chat.types("token remove workspace") == "This workspace has no token of its own."
    await chat.types("map acme/web")
    await chat.tokens.save_for_workspace(WORKSPACE, Secret("workspace-0123456789"), actor="U1")
    assert await chat.types("token remove") == "This channel has no token of its own."
    await chat.tokens.save_for_mapping(CHANNEL, "acme/web", Secret("mapping-0123456789"), actor="U1")
    assert "the mapping's" in await chat.types("token")
    assert "the workspace's" in await chat.types("token workspace")
    assert await chat.types("token remove") == "The token of this channel is removed."
    assert "the workspace's" in await chat.types("token")
    assert await chat.types("token remove workspace") == "The token of this workspace is removed."
    assert await chat.types("token") == "Token: none"
    assert await rows(database, TokenRow) == []


@pytest.mark.parametrize("actor", [ADMIN, MEMBER])
async def test_a_token_written_into_a_message_is_neither_used_nor_repeated(
    chat: Chat, database: Database, actor: Actor
) -> None:
    said = await chat.types("token set cAnArY-0123456789", actor=actor)
    assert "I did not use or store it" in said
    assert "cAnArY" not in said
    assert "did not use" not in await chat.types("token set", actor=actor)
    assert await rows(database, TokenRow) == []


async def test_whoever_lacks_the_right_is_told_which_and_changes_nothing(chat: Chat, database: Database) -> None:
    await chat.types("map acme/web as web")
    await chat.tokens.save_for_workspace(WORKSPACE, Secret("workspace-0123456789"), actor="U1")
    before = [await rows(database, table) for table in (MappingRow, TokenRow, AuditRow)]
    for text in (
        "map acme/api",
        "map acme/web",
        "unmap",
        "unmap web",
        "token remove",
        "token remove workspace",
        "default a/b",
        "default none",
    ):
        assert await chat.types(text, actor=MEMBER) == (
            "That needs a right you do not have here: Manage Channels. Ask somebody who has it."
        )
    assert [await rows(database, table) for table in (MappingRow, TokenRow, AuditRow)] == before
    for text in ("list", "why", "status", "token", "settings", "help", ""):
        assert "right you do not have" not in await chat.types(text, actor=MEMBER)


def test_nobody_may_manage_unless_the_platform_says_so() -> None:
    assert not Actor("U1").may_manage


async def test_a_suspended_channel_says_so_and_mapping_again_confirms(chat: Chat) -> None:
    await chat.types("map acme/web")
    await chat.mappings.suspend(CHANNEL, actor="slack")
    assert "**suspended**" in await chat.types("list")
    assert (await chat.types("status")).startswith("`github.com/acme/web` is suspended here, because who reads")
    await chat.types("map acme/web")
    assert "suspended" not in await chat.types("list")


async def test_settings_are_shown_but_for_the_text_of_the_instructions(chat: Chat) -> None:
    assert await chat.types("settings") == (
        "Settings of this channel:\n"
        "- Follow-ups: smart, replies of those who asked in a thread are answered until others talk there too\n"
        "- Guests: may not ask\n"
        "- People of other organisations: may not ask\n"
        "- Model: the default one\n"
        "- Instructions: none\n"
        "- The workspace's default repository: none"
    )
    await chat.preferences.set(
        CHANNEL,
        follow_ups=FollowUps.MENTION,
        guests=True,
        outsiders=True,
        model="big`model",
        instructions="cAnArY" * 200,
        actor="U1",
    )
    await chat.types("default acme/docs")
    assert await chat.types("settings", actor=MEMBER) == (
        "Settings of this channel:\n"
        "- Follow-ups: mention, only what mentions me is answered\n"
        "- Guests: may ask\n"
        "- People of other organisations: may ask\n"
        "- Model: `big model`\n"
        "- Instructions: 1,200 characters\n"
        "- The workspace's default repository: `github.com/acme/docs`"
    )


async def test_the_workspaces_default(chat: Chat) -> None:
    assert await chat.types("default acme/docs") == (
        "Questions in channels without a mapping, and in direct messages, are about `github.com/acme/docs` now."
    )
    assert (await chat.types("status")).startswith("- Repository: `github.com/acme/docs`")
    assert await chat.types("default none") == (
        "This workspace has no default repository any more; channels with a mapping stay with theirs."
    )
    assert "No repository is mapped here yet" in await chat.types("status")


async def test_mistakes_and_help_are_told(chat: Chat) -> None:
    assert await chat.types("map cal.com") == (
        "`cal.com` names no repository: it is one word; the owner is missing. Write it like `owner/cal.com`."
    )
    assert await chat.types("map") == "Say which repository you mean, such as `owner/name`."
    assert "cannot be an alias" in await chat.types("map acme/web as Web")
    said = await chat.types("")
    assert said == await chat.types("help")
    for word in ("map", "unmap", "list", "why", "status", "token", "settings", "default"):
        assert f"`/askrepo {word}" in said


async def test_a_failure_is_told_not_raised(chat: Chat, database: Database) -> None:
    broken = replace(THREAD.channel, workspace_id="T2")
    await chat.types("map acme/web", place=broken)
    strange = Keyring.parse("A" * 43 + "=")
    other = Chat(database, Workspaces(database, strange), strange)
    assert "encrypted under the key" in await other.types("map acme/web", place=broken)
    await database.close()
