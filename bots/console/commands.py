"""What is answered to a command in the console: the words of all chats, but where a terminal has its own."""

from __future__ import annotations

import os

from bots.console.parts import Parts
from bots.errors import CommandError
from core import wording
from core.channels.grammar import Command, Help, Map, Mistake, Settings, Token, TokenAction
from core.conversation.values import ThreadRef
from core.errors import RepositoryNameError
from core.repositories import same

_HELP = """\
What is no command is a question about this code: how does login work?

- `/map owner/name` maps a repository here; `… as web` adds an alias, and mapping it again makes it the default
- `/unmap owner/name` removes a mapping, `/list` shows them
- `/why` shows how the repository of a question is chosen
- `/status` shows whether repository and token are in order
- `/token` shows the token in use, `/token remove` removes it; `askrepo token set` in a shell sets it
- `/default owner/name` sets the repository of consoles without a mapping; `/default none` removes it
- `/retry` asks the last question again, `/new` begins a new conversation
- Alt-Enter begins a new line in a question, Ctrl-C stops an answer
- Ctrl-D or `/quit` leaves, and `askrepo console --resume` comes back to the conversation

Begin a question with `in:web` or `in:owner/name` to ask about another repository that is mapped here. Commands can be \
written as in the chats, too: `/askrepo list`."""
NO_REPOSITORY = (
    "No repository is mapped here yet. `/map owner/name` maps one; to ask about a folder, start me inside of it or "
    "with `--repo PATH`."
)
NO_REPOSITORY_TO_ASK = (
    "No repository is mapped here yet. Run this inside of one, or name one with `--repo`; `askrepo map owner/name` "
    "maps one to this folder."
)
NOT_RUNNING = "Nothing is being answered. While something is, Ctrl-C stops it."
NOTHING_ASKED = "There is no question to ask again yet."
NOTHING_CUT_OFF = "Nothing was cut off here."
NO_SETTINGS = "A console has no settings of its own; `/status` and `/why` show what applies here."
IN_A_SHELL = "`askrepo token set` in a shell takes a token, without showing it."
WITH_TOKEN = f"There is a token in that line, so I neither stored it nor sent it on. Ask again without it. {IN_A_SHELL}"
NEW = "A new conversation begins here."
HOW_TO_LEAVE = "Ctrl-D or `/quit` leaves; so does Ctrl-C once more."


def unknown(word: str) -> str:
    """Something that begins like a command and is none."""
    return f"{wording.code(word)} is no command like that. `/help` shows them all; a question needs no `/`."


async def reply(parts: Parts, command: Command, thread: ThreadRef, user: str) -> str:
    """Run the command; whoever sits at the terminal may do everything. Raises AskrepoError and CommandError."""
    check_no_folder(command, "leave and run")
    if isinstance(command, Help):
        return _HELP
    if isinstance(command, Settings):
        raise CommandError(NO_SETTINGS)
    if isinstance(command, Token) and command.action is TokenAction.SET:
        raise CommandError(WITH_TOKEN if command.pasted else IN_A_SHELL)
    said = await parts.commands.carry_out(command, thread, user)
    if isinstance(command, Map):
        facts = await parts.mappings.facts(thread)
        default = next((each.repository for each in facts.mappings if each.is_default), None)
        if facts.thread_repository is not None and not same(facts.thread_repository, default or ""):
            # a conversation stays on its repository
            stays = wording.code(facts.thread_repository)
            return f"{said} This conversation stays with {stays}; `/new` begins another."
    return said


def check_no_folder(command: Command, how: str) -> None:
    """Raises CommandError where a folder stands for a repository's name; `how` it is asked about instead."""
    if not isinstance(command, Mistake) or not isinstance(command.error, RepositoryNameError):
        return
    given = command.error.given
    if given and os.path.isdir(os.path.expanduser(given)):  # noqa: PTH111, PTH112 - pathlib's raise where this is False
        again = wording.code(f"askrepo console --repo {given}")
        raise CommandError(f"{wording.code(given)} is a folder; to ask about it, {how} {again}.")
