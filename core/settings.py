"""Every setting, read once from the environment and a `.env` file in the working directory."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

import platformdirs
from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, NoDecode, SettingsConfigDict

from core.errors import SecretError, SettingsError, SettingsFileError
from core.secret import Secret, bearer

logging.getLogger("dotenv").setLevel(logging.ERROR)  # of lines that it cannot read we tell ourselves, and once

_ENCODING = "utf-8-sig"  # as the editors of Windows write it, too
_BEGINNINGS = ("ASKREPO_", "DISCORD_", "SLACK_")

_SENT_TO = {  # address: tokens
    "ASKREPO_CHAT_URL": ("ASKREPO_CHAT_TOKEN",),
    "ASKREPO_SLACK_API_URL": ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_CLIENT_SECRET"),
    "ASKREPO_DISCORD_API_URL": ("DISCORD_TOKEN",),
}

_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*", re.ASCII)

_PLAIN = {
    "int_parsing": "it is not a whole number",
    "float_parsing": "it is not a number",
    "bool_parsing": "it is neither true nor false",
}

Seconds = Annotated[float, Field(gt=0, le=3_600)]


def _origin(url: str) -> str:
    parts = _parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it is not a web address; write it like https://askrepo.example.com")
    if parts.username or parts.password:
        raise ValueError("it holds a user name or password; a token has a variable of its own")
    if parts.query or parts.fragment:
        raise ValueError("it holds a query or fragment; write only the base, like https://askrepo.example.com")
    return url.rstrip("/")


def _parts(url: str) -> SplitResult | None:
    """None where no client could use it: what Python says then quotes the address, password and all."""
    with suppress(ValueError):  # UnicodeError is one
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna"), parts.port  # both are looked at only when they are read
        return parts
    return None


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _hosts(given: str | frozenset[str]) -> frozenset[str]:
    if isinstance(given, frozenset):
        return given  # the default
    hosts = frozenset(host.strip().lower() for host in given.split(","))
    if not all(map(_HOST.fullmatch, hosts)):
        raise ValueError("it is not a list of host names; write it like git.example.com,code.example.com")
    return hosts


def _path(path: str) -> str:
    if not path.startswith("/") or any(character in path for character in "?# \t\r\n"):
        raise ValueError("it is not a path; write it like /chat")
    return path


class Settings(BaseSettings):
    """The stable names of the README. Unknown variables are ignored; an empty one counts as unset."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding=_ENCODING,
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
        populate_by_name=False,
        frozen=True,
    )

    database_url: Secret | None = Field(default=None, validation_alias="DATABASE_URL")
    secret_keys: Secret | None = Field(default=None, validation_alias="ASKREPO_SECRET_KEYS")

    chat_url: Annotated[str, AfterValidator(_origin)] | None = Field(default=None, validation_alias="ASKREPO_CHAT_URL")
    chat_path: Annotated[str, AfterValidator(_path)] = Field(default="/chat", validation_alias="ASKREPO_CHAT_PATH")
    chat_token: Secret | None = Field(default=None, validation_alias="ASKREPO_CHAT_TOKEN")
    chat_model: str = Field(default="gpt-4o", min_length=1, validation_alias="ASKREPO_CHAT_MODEL")
    chat_temperature: float | None = Field(default=None, ge=0, le=2, validation_alias="ASKREPO_CHAT_TEMPERATURE")
    chat_stream: bool = Field(default=True, validation_alias="ASKREPO_CHAT_STREAM")
    chat_connect_seconds: Seconds = Field(default=5, validation_alias="ASKREPO_CHAT_CONNECT_SECONDS")
    chat_first_token_seconds: Seconds = Field(default=60, validation_alias="ASKREPO_CHAT_FIRST_TOKEN_SECONDS")
    chat_silence_seconds: Seconds = Field(default=30, validation_alias="ASKREPO_CHAT_SILENCE_SECONDS")
    chat_total_seconds: Seconds = Field(default=300, validation_alias="ASKREPO_CHAT_TOTAL_SECONDS")

    clone_hosts: Annotated[frozenset[str], NoDecode, BeforeValidator(_hosts)] = Field(
        default=frozenset(), validation_alias="ASKREPO_CLONE_HOSTS"
    )
    repo: str | None = Field(default=None, validation_alias="ASKREPO_REPO")

    map_policy: Literal["admins", "members"] = Field(default="admins", validation_alias="ASKREPO_MAP_POLICY")

    slack_bot_token: Secret | None = Field(default=None, validation_alias="SLACK_BOT_TOKEN")
    slack_signing_secret: Secret | None = Field(default=None, validation_alias="SLACK_SIGNING_SECRET")
    slack_app_token: Secret | None = Field(default=None, validation_alias="SLACK_APP_TOKEN")
    slack_client_id: str | None = Field(default=None, validation_alias="SLACK_CLIENT_ID")
    slack_client_secret: Secret | None = Field(default=None, validation_alias="SLACK_CLIENT_SECRET")
    slack_api_url: Annotated[str, AfterValidator(_origin)] = Field(
        default="https://slack.com/api", validation_alias="ASKREPO_SLACK_API_URL"
    )

    discord_token: Secret | None = Field(default=None, validation_alias="DISCORD_TOKEN")
    discord_api_url: Annotated[str, AfterValidator(_origin)] = Field(
        default="https://discord.com/api/v10", validation_alias="ASKREPO_DISCORD_API_URL"
    )

    public_url: Annotated[str, AfterValidator(_origin)] | None = Field(
        default=None, validation_alias="ASKREPO_PUBLIC_URL"
    )
    port: int = Field(default=3000, ge=0, le=65_535, validation_alias="PORT")
    metrics_port: int | None = Field(default=None, ge=0, le=65_535, validation_alias="ASKREPO_METRICS_PORT")
    metrics_host: str = Field(default="127.0.0.1", min_length=1, validation_alias="ASKREPO_METRICS_HOST")

    log_format: Literal["console", "json"] | None = Field(default=None, validation_alias="ASKREPO_LOG_FORMAT")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", validation_alias="ASKREPO_LOG_LEVEL"
    )

    @field_validator("chat_token", "slack_bot_token", "slack_app_token", "slack_client_secret", "discord_token")
    @classmethod
    def _in_a_header(cls, token: Secret | None) -> Secret | None:
        if token is None:
            return None
        try:
            return bearer(token.reveal())
        except SecretError as error:
            raise ValueError(error.problem) from None

    def database_address(self) -> Secret:
        """DATABASE_URL, or the SQLite file in the user's data folder."""
        return self.database_url or Secret(f"sqlite:///{data_folder() / 'askrepo.db'}")

    @property
    def token_page(self) -> str | None:
        """ASKREPO_PUBLIC_URL, where a token typed on a page below it does not travel in clear."""
        parts = urlsplit(self.public_url or "")
        return self.public_url if parts.scheme == "https" or _is_loopback(parts.hostname or "") else None


def load(*, dotenv: bool = True) -> Settings:
    """The settings of this process, without `.env` where that is not to be believed.

    Raises SettingsError, naming the variable and never its value.
    """
    loaded, problems = load_despite(dotenv=dotenv)
    if problems:
        raise problems[0]
    return loaded


def load_despite(*, dotenv: bool = True) -> tuple[Settings, tuple[SettingsError, ...]]:
    """The settings with those that cannot work at their defaults, and what is wrong with each of those.

    Raises SettingsError for a `.env` that cannot be read.
    """
    file = ".env" if dotenv else None
    try:
        problems = (*_broken(file), *_led_astray(file), *_invalid(file))
    except UnicodeDecodeError:
        raise SettingsFileError("the file .env is not UTF-8 text", "save it as UTF-8") from None
    wrong = {problem.name for problem in problems}
    fields = [field for field in Settings.model_fields.values() if field.validation_alias in wrong]
    return Settings(_env_file=file, **{str(field.validation_alias): field.default for field in fields}), problems


def _broken(file: str | None) -> Iterator[SettingsError]:
    """The first line of `.env` that says nothing: those after it may be broken by that one alone.

    A name alone is passed on by Docker; of ours it would be taken for not set.
    """
    if file is None or not Path(file).is_file():
        return
    with Path(file).open(encoding=_ENCODING) as stream:
        for binding in parse_stream(stream):
            if binding.error or (binding.value is None and (binding.key or "").upper() in names()):
                text, line = binding.original
                line += text[: len(text) - len(text.lstrip())].count("\n")  # it takes blank ones before along
                yield SettingsFileError(f"line {line} of .env is not NAME=value", "correct it, or begin it with #")
                return


def _led_astray(file: str | None) -> Iterator[SettingsError]:
    """What `.env` must not say: it may be a repository's, and where its reader's tokens go is for nobody else to say.

    So it neither names the address that a token of the environment is sent to, nor makes a value from the environment
    part of another setting.
    """
    if file is None:
        return
    environment = EnvSettingsSource(Settings).env_vars
    written = DotEnvSettingsSource(Settings, env_file=file).env_vars
    heeded = {name for name in names() if written.get(name.lower()) and name.lower() not in environment}
    for address, tokens in _SENT_TO.items():
        lent = [token for token in tokens if token.lower() in environment]
        if address in heeded and lent:
            there = f"the environment sets `{lent[0]}`, which would be sent there"
            yield SettingsError(address, f"`.env` sets it, but {there}; set both in the same place")
    literal = {
        name.lower(): value for name, value in dotenv_values(file, interpolate=False, encoding=_ENCODING).items()
    }
    for name in sorted(heeded):
        if literal[name.lower()] != written[name.lower()]:
            yield SettingsError(name, "`${…}` in `.env` is not replaced; write there what it stands for")


def _invalid(file: str | None) -> list[SettingsError]:
    try:
        Settings(_env_file=file)
    except ValidationError as error:
        return [_problem(each) for each in error.errors(include_input=False, include_url=False, include_context=False)]
    return []


def names() -> frozenset[str]:
    """The variable of every setting."""
    return frozenset(str(field.validation_alias) for field in Settings.model_fields.values())


def strangers() -> list[str]:
    """Names in the environment and in `.env` that begin like settings, and are none."""
    given = (*EnvSettingsSource(Settings).env_vars, *DotEnvSettingsSource(Settings).env_vars)
    return sorted(name for name in {each.upper() for each in given} - names() if name.startswith(_BEGINNINGS))


def _problem(error: ErrorDetails) -> SettingsError:
    name = str(error["loc"][0]) if error["loc"] else "settings"
    said = error["msg"].removeprefix("Value error, ").replace("Input should", "it should")
    return SettingsError(name, _PLAIN.get(error["type"], said))


def data_folder() -> Path:
    """The user's own data: database, key file, console history. Not created here."""
    return platformdirs.user_data_path("askrepo", appauthor=False)


def cache_folder() -> Path:
    """What can be made again: clones and indexes of the embedded /chat. Not created here."""
    return platformdirs.user_cache_path("askrepo", appauthor=False)
