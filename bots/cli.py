"""The `askrepo` command. Exit codes: 0 done, 1 failed with one sentence on standard error, 2 wrong usage.

All commands with their options stand here, so that what `--help` prints is read in one place; what they do does not.
What only one of them needs is loaded by it: the libraries of a chat platform would take the console half a second.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from bots import limits, operator
from bots.console.app import Options, Session
from bots.console.desk import desk
from bots.console.journal import journal
from bots.console.lock import ThreadLocks
from bots.console.outgoing import harmless
from bots.errors import CommandError
from bots.operator import Where
from bots.roles import Platform, Role
from core import bootstrap, logs, settings
from core.bootstrap import App
from core.cipher import new_key
from core.errors import AskrepoError, RepositoryPathError, SettingsError
from core.localchat.hosts import Hosts
from core.localchat.repos import Repositories
from core.relay.shares import UNHURRIED
from core.settings import Settings, cache_folder, data_folder
from core.wording import in_shell, sentence

Result = TypeVar("Result")

log = logs.get(__name__)


class _Group(TyperGroup):
    """Commands whose wrong use is told without the words of the library that found it."""

    def invoke(self, ctx: Any) -> Any:
        """As the library has it."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


def _group(text: str) -> typer.Typer:
    return typer.Typer(
        cls=_Group,
        help=text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


app = _group("Ask questions about your code where your team already talks.")
chat = _group("Serve the embedded /chat to others.")
database = _group("Bring the database up to date, and back it up.")
keys = _group("The keys under which what is stored is encrypted.")
discord = _group("Add the bot to Discord servers.")
slack = _group("Make the Slack app.")
token = _group("The tokens for /chat, stored encrypted.")
app.add_typer(chat, name="chat")
app.add_typer(database, name="db")
app.add_typer(keys, name="keys")
app.add_typer(discord, name="discord")
app.add_typer(slack, name="slack")
app.add_typer(token, name="token")

OfPlatform = Annotated[Platform, typer.Option(help="The channel's platform.")]
Workspace = Annotated[str | None, typer.Option(help="The workspace's id; else this user's consoles.")]
Channel = Annotated[str | None, typer.Option(help="The channel's id; else the console of this folder.")]
Repository = Annotated[str | None, typer.Argument(help="owner/name, or any address of the repository.")]


def main() -> None:
    """The command, once it is loaded. Whatever happens, one sentence is shown and no traceback."""
    _be_lenient()
    limits.no_core_dump()
    try:
        logs.configure("warning", None)  # before the settings are read, what fails would be logged with all its values
        app(prog_name="askrepo")
    except (AskrepoError, CommandError, OSError) as error:
        problem = _problem(error)
    except Exception as error:
        problem = _unexpected(error, None)
    finally:
        _drop_unwritten()
    print(harmless(problem), file=sys.stderr)
    sys.exit(1)


def _be_lenient() -> None:
    """What the terminal's encoding lacks is shown as a question mark, instead of failing the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _problem(error: AskrepoError | CommandError | OSError) -> str:
    match error:
        case RepositoryPathError():
            return f"{sentence(error)} Give another folder, or a name such as `owner/name`."
        case AskrepoError():
            return in_shell(sentence(error, operator=True))
        case OSError():
            reason = (error.strerror or type(error).__name__).lower()
            return f"`{error.filename}` cannot be used: {reason}." if error.filename else f"It failed: {reason}."
    return str(error)


def _unexpected(error: Exception, journal_path: Path | None) -> str:
    """Words for a bug of ours; its trace goes to the log alone."""
    (log.error if journal_path else log.debug)("unexpected", exc_info=error)
    where = f"`{journal_path}` has the details" if journal_path else "`ASKREPO_LOG_LEVEL=debug` shows the details"
    return f"Something went wrong that should not have ({type(error).__name__}); {where}."


def _drop_unwritten() -> None:
    """Where nobody reads our output any more, the interpreter must not complain about it at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _loaded(where: Where | None = None) -> Settings:
    """The settings, with logs on standard error: warnings alone unless a level was asked for."""
    loaded = settings.load() if where is None else _about(where)
    _log(loaded, "warning")
    return loaded


def _about(where: Where) -> Settings:
    return settings.load(dotenv=operator.believes(where, Path.cwd()))


def _log(loaded: Settings, usual: str) -> None:
    level = loaded.log_level if "log_level" in loaded.model_fields_set else usual
    logs.configure(level, loaded.log_format)


def _with_app(work: Callable[[App], Awaitable[Result]], where: Where | None = None) -> Result:
    loaded = _loaded(where)

    async def run() -> Result:
        async with bootstrap.opened(loaded) as parts:
            return await work(parts)

    return asyncio.run(run())


def _version(wanted: bool) -> None:
    if wanted:
        print(f"askrepo {version('askrepo')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Ask questions about your code where your team already talks."""


@app.command(context_settings={"allow_extra_args": True})
def console(
    context: typer.Context,
    repo: Annotated[str | None, typer.Option(help="A folder, or a repository's name.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last conversation here.")] = False,
    ask: Annotated[str | None, typer.Option(help="A question to begin with; without a terminal, the only one.")] = None,
) -> None:
    """Ask in the terminal, or from a pipe: one question a line.

    The log goes to console.log in the data folder, or to standard error if ASKREPO_LOG_LEVEL or ASKREPO_LOG_FORMAT is
    set.
    """
    if context.args:
        raise typer.BadParameter("A question is given with --ask, in quotation marks, or typed in the console.")
    for name, value in (("--repo", repo), ("--ask", ask)):
        if value is not None and not value.strip():
            raise typer.BadParameter(f"{name} is empty.")
    loaded = _about(Where())
    path = None
    if {"log_level", "log_format"} & loaded.model_fields_set:
        logs.configure(loaded.log_level, loaded.log_format)
    else:
        path, stream = journal(data_folder())
        logs.configure(loaded.log_level, "json", stream)
    options = Options(operator.here(), operator.user(), Path.cwd(), repo, resume, ask)
    try:
        code = asyncio.run(_console(loaded, options))
    except (AskrepoError, CommandError, OSError):
        raise
    except Exception as error:
        raise CommandError(_unexpected(error, path)) from None
    raise typer.Exit(code)


async def _console(loaded: Settings, options: Options) -> int:
    with ThreadLocks(data_folder()) as locks:
        async with bootstrap.opened(loaded, UNHURRIED) as parts:
            return await Session(parts, options, desk(data_folder(), one=options.ask is not None), locks).run()


@app.command()
def run(
    roles: Annotated[list[Role] | None, typer.Argument(help="What to do; else all that is configured.")] = None,
    host: Annotated[str, typer.Option(help="The address to listen on, for the role web.")] = "0.0.0.0",  # noqa: S104 - platforms reach us from outside
    shards: Annotated[str | None, typer.Option(help="Discord's shards of this process, like 0-3/16; else all.")] = None,
) -> None:
    """Run the bot, until SIGTERM or Ctrl-C.

    web receives over HTTP and serves the pages, slack is Socket Mode, discord the gateway, worker answers. On
    PostgreSQL, any number of processes may share the work.
    """
    from bots import running
    from bots.discord.shards import Shards

    try:
        given = None if shards is None else Shards.parse(shards)
    except SettingsError as error:
        raise typer.BadParameter(f"{error.name}: {error.problem}.") from None
    loaded = settings.load()
    logs.configure(loaded.log_level, loaded.log_format)
    wanted = running.roles(loaded, roles or ())
    if given is not None and Role.DISCORD not in wanted:
        raise typer.BadParameter("--shards: it is for the role discord, which is not among these.")

    async def work() -> None:
        async with bootstrap.opened(loaded) as parts:
            await running.run(parts, wanted, host=host, shards=given)

    asyncio.run(work())


@app.command()
def doctor() -> None:
    """Check the installation, and say how to mend what is wrong.

    Looks at settings, database, keys, Slack, Discord and /chat. Changes nothing; exits with 1 if something is wrong.
    """
    from bots.doctor import examine

    loaded, problems = settings.load_despite()
    _log(loaded, "critical")  # what goes wrong is told on standard output
    asyncio.run(examine(loaded, problems))


@chat.command()
def serve(
    repo: Annotated[list[Path] | None, typer.Option(help="A folder to answer about; may be repeated.")] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 takes a free one.")] = 8080,
) -> None:
    """Serve the embedded /chat, until SIGTERM or Ctrl-C. ASKREPO_CHAT_TOKEN is the token it asks for."""
    loaded = settings.load()
    logs.configure(loaded.log_level, loaded.log_format)
    repositories = Repositories(cache_folder() / "repositories", hosts=Hosts(loaded.clone_hosts))
    asyncio.run(operator.serve(repositories, repo or [], token=loaded.chat_token, host=host, port=port))


@database.command()
def upgrade() -> None:
    """Bring the database's schema up to date, one runner at a time."""
    done = asyncio.run(bootstrap.upgrade(_loaded()))
    print("The database was brought up to date." if done else "The database is up to date.")


@database.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="Where to; it is made if it is not there.")],
) -> None:
    """Copy the SQLite database and its key file, also while the bot runs. Nothing is overwritten."""
    print(operator.back_up(_loaded(), folder))


@keys.command()
def new() -> None:
    """Print a fresh key, for the key file or ASKREPO_SECRET_KEYS."""
    print(new_key().text())


@keys.command()
def rotate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what there is to do.")] = False,
) -> None:
    """Encrypt what is stored under the first key of the key file or ASKREPO_SECRET_KEYS."""
    print(_with_app(lambda parts: operator.rotate(parts.rotation, dry_run=dry_run)))


@discord.command("invite")
def discord_invite() -> None:
    """Print the link that adds the bot to a server.

    It asks for the permissions that the bot needs. DISCORD_TOKEN has to be set.
    """
    from bots.discord.service import invitation

    print(_with_app(invitation))


@slack.command("manifest")
def slack_manifest(
    socket: Annotated[
        bool | None, typer.Option("--socket/--http", help="Else Socket Mode, unless ASKREPO_PUBLIC_URL alone is set.")
    ] = None,
) -> None:
    """Print the manifest that the Slack app is made from.

    At https://api.slack.com/apps choose Create New App, From a manifest, and paste it.
    """
    from bots.slack.manifest import manifest

    loaded = settings.load()
    url = loaded.public_url
    if socket is False and url is None:
        raise CommandError(
            "Over HTTP, Slack has to know where this bot is: set `ASKREPO_PUBLIC_URL`, or use `--socket`."
        )
    by_itself = url is None or loaded.slack_app_token is not None
    print(manifest(url, socket_mode=by_itself if socket is None else socket), end="")


@token.command("set")
def set_token(
    repo: Annotated[str | None, typer.Option(help="The mapping it is for; else the channel's default.")] = None,
    label: Annotated[str, typer.Option(help="What to call it.")] = "",
    fd: Annotated[int | None, typer.Option(help="Read it from this file descriptor.", min=0)] = None,
    platform: OfPlatform = Platform.CONSOLE,
    workspace: Workspace = None,
    channel: Channel = None,
) -> None:
    """Store the workspace's token, or with --repo or --channel a mapping's; read from a hidden prompt or a pipe."""
    where = Where(platform.value, workspace, channel)
    if _loaded(where).chat_url is None:
        raise CommandError("The embedded /chat needs no token; set `ASKREPO_CHAT_URL` to the service it is for.")
    secret = operator.read_token(fd)
    print(
        _with_app(
            lambda parts: operator.set_token(parts.mappings, parts.tokens, where, secret, repository=repo, label=label),
            where,
        )
    )


@token.command("list")
def list_tokens(platform: OfPlatform = Platform.CONSOLE, workspace: Workspace = None) -> None:
    """Show the workspace's tokens: labels and fingerprints, never values."""
    where = Where(platform.value, workspace)
    print(_with_app(lambda parts: operator.listed_tokens(parts.tokens, where), where))


def _command(words: list[str], where: Where) -> None:
    print(_with_app(lambda parts: operator.command(parts.commands, words, where), where))


@app.command("map")
def map_channel(
    repository: Annotated[str, typer.Argument(help="owner/name, or any address of the repository.")],
    alias: Annotated[str | None, typer.Option("--as", help="A short name for `in:…`.")] = None,
    platform: OfPlatform = Platform.CONSOLE,
    workspace: Workspace = None,
    channel: Channel = None,
) -> None:
    """Map a channel to a repository."""
    _command(["map", repository, *(["as", alias] if alias else [])], Where(platform.value, workspace, channel))


@app.command()
def unmap(
    repository: Repository = None,
    platform: OfPlatform = Platform.CONSOLE,
    workspace: Workspace = None,
    channel: Channel = None,
) -> None:
    """Remove a channel's mapping."""
    _command(["unmap", *([repository] if repository else [])], Where(platform.value, workspace, channel))


@app.command("list")
def list_mappings(
    platform: OfPlatform = Platform.CONSOLE, workspace: Workspace = None, channel: Channel = None
) -> None:
    """Show a channel's mappings."""
    _command(["list"], Where(platform.value, workspace, channel))


@app.command()
def why(platform: OfPlatform = Platform.CONSOLE, workspace: Workspace = None, channel: Channel = None) -> None:
    """Show how the repository of a question is chosen."""
    _command(["why"], Where(platform.value, workspace, channel))
