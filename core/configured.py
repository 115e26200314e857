"""What the settings say of whom to ask about what: pure, for the process that asks and for the check that looks."""

from __future__ import annotations

from core.chat.client import Service
from core.chat.deadlines import Deadlines
from core.errors import RepositoryNameError, SettingsError
from core.repositories import parse
from core.settings import Settings


def repository(settings: Settings) -> str | None:
    """ASKREPO_REPO as it is asked for. Raises SettingsError."""
    if settings.repo is None:
        return None
    try:
        return parse(settings.repo)
    except RepositoryNameError as error:
        raise SettingsError("ASKREPO_REPO", f"{error.problem}; write it like {error.example}") from None


def service(settings: Settings, url: str) -> Service:
    """The /chat service at `url`, asked as the settings say."""
    return Service(
        base_url=url,
        path=settings.chat_path if settings.chat_url is not None else "/chat",
        model=settings.chat_model,
        temperature=settings.chat_temperature,
        stream=settings.chat_stream,
        deadlines=Deadlines(
            connect=settings.chat_connect_seconds,
            first_token=settings.chat_first_token_seconds,
            silence=settings.chat_silence_seconds,
            total=settings.chat_total_seconds,
        ),
    )
