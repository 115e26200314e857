"""Settings come from the environment, and a wrong one is named without its value."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import settings
from core.errors import SettingsError, SettingsFileError
from core.wording import sentence

TOKENS = (
    "ASKREPO_CHAT_TOKEN",
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_CLIENT_SECRET",
    "DISCORD_TOKEN",
)  # all in headers
URLS = ("ASKREPO_CHAT_URL", "ASKREPO_PUBLIC_URL", "ASKREPO_SLACK_API_URL", "ASKREPO_DISCORD_API_URL")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine, and no .env of a working directory."""
    monkeypatch.chdir(tmp_path)
    for field in settings.Settings.model_fields.values():
        monkeypatch.delenv(str(field.validation_alias), raising=False)


def test_everything_has_a_default() -> None:
    loaded = settings.load()
    assert loaded.chat_url is None
    assert loaded.chat_path == "/chat"
    assert loaded.database_address().reveal().endswith("askrepo.db")


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ASKREPO_CHAT_MODEL=from-file\nASKREPO_CHAT_PATH=/from/file\nUNRELATED=1\n")
    monkeypatch.setenv("ASKREPO_CHAT_PATH", "/from/environment")
    loaded = settings.load()
    assert (loaded.chat_model, loaded.chat_path) == ("from-file", "/from/environment")


def test_hosts_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKREPO_CLONE_HOSTS", "git.example.com, Code.example.com")
    assert settings.load().clone_hosts == {"git.example.com", "code.example.com"}
    monkeypatch.setenv("ASKREPO_CLONE_HOSTS", "*")
    loaded, (problem,) = settings.load_despite()
    assert (loaded.clone_hosts, problem.name) == (frozenset(), "ASKREPO_CLONE_HOSTS")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKREPO_CHAT_TEMPERATURE", "")
    monkeypatch.setenv("ASKREPO_CHAT_TOKEN", "")
    loaded = settings.load()
    assert loaded.chat_temperature is None
    assert loaded.chat_token is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASKREPO_CHAT_URL", "hunter2"),
        ("ASKREPO_CHAT_URL", "ftp://hunter2.example.com"),
        ("ASKREPO_CHAT_URL", "https://me:hunter2@example.com"),
        ("ASKREPO_CHAT_URL", "https://example.com/?token=hunter2"),
        ("ASKREPO_CHAT_URL", "https://["),
        ("ASKREPO_CHAT_PATH", "hunter2"),
        ("ASKREPO_CHAT_PATH", "/chat?hunter2"),
        *(
            (name, token)
            for name in TOKENS
            for token in ("two hunter2", "hunter2\nhunter2", "hunter2é", "hunter2" * 1_200)
        ),
        ("ASKREPO_CLONE_HOSTS", "hunter2"),
        ("ASKREPO_CLONE_HOSTS", "git.example.com, https://hunter2.example.com"),
        ("ASKREPO_CHAT_TEMPERATURE", "3"),
        ("ASKREPO_CHAT_STREAM", "hunter2"),
        ("ASKREPO_CHAT_TOTAL_SECONDS", "0"),
        ("ASKREPO_CHAT_TOTAL_SECONDS", "nan"),
        ("ASKREPO_LOG_LEVEL", "hunter2"),
    ],
)
def test_a_wrong_setting_is_named_and_not_repeated(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert caught.value.name == name
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "abc", "it is not a whole number"),
        ("PORT", "70000", "it should be less than or equal to 65535"),
        ("ASKREPO_CHAT_TEMPERATURE", "warm", "it is not a number"),
        ("ASKREPO_CHAT_STREAM", "maybe", "it is neither true nor false"),
        ("ASKREPO_LOG_LEVEL", "loud", "it should be 'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert caught.value.problem == said


@pytest.mark.parametrize("name", URLS)
@pytest.mark.parametrize(
    "url",
    [
        "https://bot:ab[hunter2]cd@chat.example.com",
        "https://bot:hunter2＠chat.example.com",  # a full-width @
        "https://[hunter2",
        "https://chat.example.com:hunter2",
        "https://chat.example.com:99999",
        "https://chat..example.com",
        f"https://{'a' * 64}.example.com",
    ],
)
def test_what_no_client_could_use_is_no_web_address(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(SettingsError) as caught:
        settings.load()
    assert caught.value.name == name
    assert caught.value.problem == "it is not a web address; write it like https://askrepo.example.com"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:3000",
        "http://[::1]:3000/api",
        "http://chat_service",
        "https://bücher.example.com",
        "http://h.",
    ],
)
def test_what_a_client_can_use_is_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKREPO_CHAT_URL", url)
    assert settings.load().chat_url == url


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("", False),
        ("https://askrepo.example.com", True),
        ("HTTPS://askrepo.example.com/bot", True),
        ("http://localhost:3000", True),
        ("http://127.0.0.1:3000", True),
        ("http://127.1.2.3", True),
        ("http://[::1]:3000", True),
        ("http://askrepo.example.com", False),
        ("http://10.0.0.5:3000", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
    ],
)
def test_tokens_are_entered_on_no_page_that_is_reached_in_clear(
    url: str, safe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASKREPO_PUBLIC_URL", url)
    assert settings.load().token_page == (url if safe else None)


def test_what_cannot_work_stands_at_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PORT", "many"), ("ASKREPO_CHAT_URL", "nowhere"), ("ASKREPO_CHAT_MODEL", "mine")):
        monkeypatch.setenv(name, value)
    loaded, problems = settings.load_despite()
    assert {problem.name for problem in problems} == {"PORT", "ASKREPO_CHAT_URL"}
    assert (loaded.port, loaded.chat_url, loaded.chat_model) == (3000, None, "mine")


@pytest.mark.parametrize("octets", [b"ASKREPO_REPO=\xff\xfe\n", "ASKREPO_REPO=a/b\n".encode("utf-16")])
def test_a_dotenv_file_that_is_no_text_is_told(octets: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(octets)
    with pytest.raises(SettingsFileError) as caught:
        settings.load()
    assert sentence(caught.value) == "The file .env is not UTF-8 text: save it as UTF-8."


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("hunter2 is my token\n", 1),
        ("# ours\r\n\r\nASKREPO_REPO=a/b\r\n\r\n  hunter2 and more\r\nhunter2 once more\r\n", 5),
        ('ASKREPO_CHAT_MODEL="two\nlines"\nASKREPO_REPO="hunter2\n', 3),
        ("ASKREPO_REPO=a/b\n\n\n=hunter2", 4),
        ("ASKREPO_CHAT_MODEL=mine\nASKREPO_REPO\n", 2),
        ("\nexport ASKREPO_REPO", 2),
    ],
)
def test_a_broken_line_is_named_and_not_repeated(
    text: str, line: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".env").write_bytes(text.encode())
    _, (problem,) = settings.load_despite()
    assert sentence(problem) == f"Line {line} of .env is not NAME=value: correct it, or begin it with #."
    assert not caplog.records
    assert not settings.load_despite(dotenv=False)[1]


def test_a_dotenv_file_may_begin_with_a_mark_of_its_encoding(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ASKREPO_REPO=a/b\n", encoding="utf-8-sig")
    assert settings.load().repo == "a/b"


@pytest.mark.parametrize(
    ("address", "token"),
    [
        ("ASKREPO_CHAT_URL", "ASKREPO_CHAT_TOKEN"),
        ("ASKREPO_SLACK_API_URL", "SLACK_BOT_TOKEN"),
        ("ASKREPO_SLACK_API_URL", "SLACK_APP_TOKEN"),
        ("ASKREPO_SLACK_API_URL", "SLACK_CLIENT_SECRET"),
        ("ASKREPO_DISCORD_API_URL", "DISCORD_TOKEN"),
    ],
)
def test_a_dotenv_file_does_not_say_where_a_token_of_the_environment_goes(
    address: str, token: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f"{address.lower()}=https://elsewhere.example.com\n{token}=\n")
    monkeypatch.setenv(token, "hunter2")
    loaded, problems = settings.load_despite()
    assert [problem.name for problem in problems] == [address]
    assert f"the environment sets `{token}`" in problems[0].problem
    assert "elsewhere" not in repr(loaded)
    assert settings.load(dotenv=False)


@pytest.mark.parametrize("together", ["file", "environment"])
def test_a_token_and_its_address_in_the_same_place(
    together: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("ASKREPO_CHAT_URL=https://chat.example.com\nASKREPO_CHAT_TOKEN=hunter2\n")
    if together == "environment":
        monkeypatch.setenv("ASKREPO_CHAT_URL", "https://mine.example.com")
        monkeypatch.setenv("ASKREPO_CHAT_TOKEN", "mine")
    loaded = settings.load()
    name, token = ("chat", "hunter2") if together == "file" else ("mine", "mine")
    assert loaded.chat_url == f"https://{name}.example.com"
    assert loaded.chat_token is not None
    assert loaded.chat_token.reveal() == token


def test_a_dotenv_file_takes_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "ASKREPO_CHAT_URL=https://elsewhere.example.com\nexport ASKREPO_CHAT_TOKEN='${DISCORD_TOKEN}'\n"
        "ASKREPO_REPO=acme/${DISCORD_TOKEN:-widgets}\nASKREPO_LOG_LEVEL=${NOWHERE}\nTHEIRS=${HOME}/shop\n"
        "AS\N{KELVIN SIGN}REPO_CHAT_MODEL=read as it is\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("DISCORD_TOKEN", "hunter2")
    monkeypatch.setenv("ASKREPO_LOG_LEVEL", "debug")
    loaded, problems = settings.load_despite()
    assert [problem.name for problem in problems] == ["ASKREPO_CHAT_TOKEN", "ASKREPO_REPO"]
    assert "hunter2" not in str(problems)
    assert (loaded.chat_token, loaded.repo, loaded.log_level) == (None, None, "debug")


def test_strangers_are_names_that_only_begin_like_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("askrepo_colour=red\nASKREPO_REPO=a/b\nUNRELATED=1\n")
    monkeypatch.setenv("SLACK_WEBHOOK", "x")
    monkeypatch.setenv("DISCORD_TOKEN", "x")
    strange = set(settings.strangers())
    assert {"ASKREPO_COLOUR", "SLACK_WEBHOOK"} <= strange
    assert not strange & (settings.names() | {"UNRELATED"})


def test_the_example_file_names_only_settings_that_exist() -> None:
    example = (Path(__file__).parents[1] / ".env.example").read_text()
    named = {line.removeprefix("#").split("=")[0] for line in example.splitlines() if "=" in line}
    known = {str(field.validation_alias) for field in settings.Settings.model_fields.values()}
    assert named == known
