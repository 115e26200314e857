"""What people paste becomes one canonical name, or a refusal that says what would work."""

from __future__ import annotations

import random
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RepositoryNameError
from core.localchat import names
from core.repositories import parse, parse_given, same
from core.wording import sentence

CANONICAL = re.compile(r"[a-z0-9.-]+(:[1-9]\d{0,4})?(/(?!-)[A-Za-z0-9._-]+){2,8}", re.ASCII)
CANARY = "cAnArYcAnArY"


@pytest.mark.parametrize(
    "written",
    [
        "calcom/cal.com",
        "github.com/calcom/cal.com",
        "GitHub.com/calcom/cal.com",
        "www.github.com/calcom/cal.com",
        "github.com./calcom/cal.com",
        "https://github.com/calcom/cal.com",
        "HTTPS://GITHUB.COM/calcom/cal.com",
        "http://www.github.com/calcom/cal.com/",
        "https://github.com:443/calcom/cal.com",
        "https://github.com/calcom/cal.com.git",
        "https://github.com/calcom/cal.com.git/",
        "git://github.com/calcom/cal.com.git",
        "git+https://github.com/calcom/cal.com.git",
        "git@github.com:calcom/cal.com.git",
        "git@github.com:/calcom/cal.com.git",
        "github.com:calcom/cal.com",
        "org-123456@github.com:calcom/cal.com.git",
        "ssh://git@github.com/calcom/cal.com.git",
        "ssh://git@github.com:22/calcom/cal.com",
        "git+ssh://git@github.com/calcom/cal.com.git",
        "ssh://git@ssh.github.com:443/calcom/cal.com.git",
        "https://github.com//calcom//cal.com//",
        "https://github.com/calcom/cal.com/tree/main/packages/lib",
        "https://github.com/calcom/cal.com/blob/main/apps/web/%5Bslug%5D/page.tsx#L10-L20",
        "https://github.com/calcom/cal.com/blob/main/docs/[...slug].tsx",
        "https://github.com/calcom/cal.com/pull/3",
        "https://github.com/calcom/cal.com/pull/3/files?w=1",
        "https://github.com/calcom/cal.com/issues",
        "https://github.com/calcom/cal.com/compare/main...feature",
        "https://github.com/calcom/cal.com?tab=readme-ov-file",
        "https://github.com/calcom/cal.com#readme",
        "https://github.com/calcom/cal.com/?tab=readme#top",
        "https://github.dev/calcom/cal.com",
        "https://raw.githubusercontent.com/calcom/cal.com/main/README.md",
        "<https://github.com/calcom/cal.com|calcom/cal.com>",
        "<https://github.com/calcom/cal.com/pull/3?a=1&amp;b=2|the pull request>",
        "<https://github.com/calcom/cal.com>",
        "<calcom/cal.com>",
        "[cal](https://github.com/calcom/cal.com)",
        "`calcom/cal.com`",
        "`calcom/cal.com`.",
        "'calcom/cal.com'",
        '"calcom/cal.com"',
        "“calcom/cal.com”",
        "(calcom/cal.com)",
        "calcom/cal.com.",
        "calcom/cal.com, ",
        "calcom/cal.com?",
        "  calcom/cal.com\n",
        "\u00a0calcom/cal.com\u00a0",
        "https://github.com/calcom/cal.com/.",
        "https://user:password@github.com/calcom/cal.com",
        "https://x-access-token:abc@github.com/calcom/cal.com.git",
    ],
)
def test_every_way_to_write_one_repository(written: str) -> None:
    assert parse(written) == "github.com/calcom/cal.com"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Calcom/Cal.com", "github.com/Calcom/Cal.com"),
        ("owner/.github", "github.com/owner/.github"),
        ("owner/name_with-all.kinds", "github.com/owner/name_with-all.kinds"),
        ("octo_acme/name", "github.com/octo_acme/name"),
        ("gitlab.com/group/name", "gitlab.com/group/name"),
        ("gitlab.com/group/sub/name", "gitlab.com/group/sub/name"),
        ("https://gitlab.com/group/sub/name/-/tree/main/src", "gitlab.com/group/sub/name"),
        ("https://gitlab.com/group/sub/name/-/merge_requests/7", "gitlab.com/group/sub/name"),
        ("git@gitlab.com:group/sub/sub2/name.git", "gitlab.com/group/sub/sub2/name"),
        ("https://bitbucket.org/team/name/src/main/", "bitbucket.org/team/name"),
        ("https://codeberg.org/o/n/issues", "codeberg.org/o/n"),
        ("git.example.com/o/n", "git.example.com/o/n"),
        ("https://git.example.com/o/n/src/branch/main/a/b.go", "git.example.com/o/n"),
        ("https://git.example.com/o/n/pulls/12", "git.example.com/o/n"),
        ("https://git.example.com/o/n/tree/main", "git.example.com/o/n"),
        ("https://git.example.com/o/n/releases/tag/v1", "git.example.com/o/n"),
        ("git.example.com/group/src/name", "git.example.com/group/src/name"),
        ("https://git.example.com:8443/o/n", "git.example.com:8443/o/n"),
        ("git.example.com:8443/o/n", "git.example.com:8443/o/n"),
        ("git.example.com:443/o/n", "git.example.com/o/n"),
        ("ssh://git@git.example.com:2222/o/n.git", "git.example.com/o/n"),
        ("git@git.example.com:2222/o/n.git", "git.example.com/o/n"),
        ("git@git.example.com:2222/n.git", "git.example.com/2222/n"),
        ("local/src/askrepo", "local/src/askrepo"),
        ("`local/src/askrepo`", "local/src/askrepo"),
        ("local/src/dots..and.end.", "local/src/dots..and.end."),
        ("local/src/bare.git", "local/src/bare"),
        ("local/name", "github.com/local/name"),
    ],
)
def test_other_hosts_and_the_case_are_kept(written: str, name: str) -> None:
    assert parse(written) == name
    assert parse(name) == name


@pytest.mark.parametrize(
    ("written", "problem", "example"),
    [
        ("", "empty", "owner/name"),
        ("``", "empty", "owner/name"),
        ("askrepo", "owner is missing", "owner/askrepo"),
        ("next.js", "owner is missing", "owner/next.js"),
        ("github.com", "not owner and name", "owner/name"),
        ("github.com/calcom", "not owner and name", "calcom/name"),
        ("https://gitlab.com/group", "not owner and name", "gitlab.com/group/name"),
        ("cal.com/foo", "not owner and name", "cal.com/foo/name"),
        ("/srv/src/name", "it is a folder; `askrepo chat serve --repo …` serves it", "owner/name"),
        ("`/srv/name`", "it is a folder", "owner/name"),
        ("./name", "it is a folder", "owner/name"),
        ("~/src/name", "it is a folder", "owner/name"),
        ("src/core/app.py", "too many parts", "src/core"),
        ("git@gitserver:o/n.git", "no address", "owner/name"),
        ("https://localhost/o/n", "full host name", "o/n"),
        ("http://127.0.0.1/o/n", "full host name", "o/n"),
        ("http://[::1]:3000/o/n", "full host name", "o/n"),
        ("169.254.169.254/o/n", "full host name", "o/n"),
        ("http://0x7f.1/o/n", "full host name", "o/n"),
        ("https://git.example.com:99999/o/n", "no web address", "owner/name"),
        ("https://git.example.com:0/o/n", "no web address", "owner/name"),
        ("git.example.com:0/o/n", "full host name", "o/n"),
        ("ftp://example.com/o/n", "neither an https nor an ssh", "owner/name"),
        ("file:///srv/o/n", "neither an https nor an ssh", "owner/name"),
        ("javascript://github.com/o/n", "neither an https nor an ssh", "owner/name"),
        ("https://github.com/orgs/calcom/repositories", "no owner of that name", "owner/name"),
        ("settings/tokens", "no owner of that name", "owner/name"),
        ("own.er/name", "not owner and name", "own.er/name/name"),
        ("-owner/name", "may hold only", "owner/name"),
        ("owner/-name", "may hold only", "owner/name"),
        ("owner/..", "'..'", "owner/name"),
        ("https://github.com/o/n/..", "'..'", "owner/name"),
        ("https://github.com/o/n/../../p/q", "'..'", "owner/name"),
        ("https://github.com/o/n/%2e%2e/%2E%2E/p/q", "'..'", "owner/name"),
        ("https://github.com/o/n/%252e%252e/p", "'..'", "owner/name"),
        ("owner/na..me", "may hold only", "owner/name"),
        ("owner/name&token=x", "may hold only", "owner/name"),
        ("owner/na%2fme", "may hold only", "owner/name"),
        ("owner/name%00", "may hold only", "owner/name"),
        ("owner/na\x00me", "spaces", "owner/name"),
        ("owner/name\r\nX-Header: 1", "spaces", "owner/name"),
        ("owner/na me", "spaces", "owner/name"),
        ("https://github.com\\@evil.example.com/o/n", "backslashes", "owner/name"),
        ("gіthub.com/owner/name", "plain letters", "owner/name"),  # a Cyrillic і
        ("owner/nаme", "plain letters", "owner/name"),  # a Cyrillic а
        ("ｏwner/name", "plain letters", "owner/name"),  # a full-width o
        ("owner/na\u200bme", "plain letters", "owner/name"),
        ("owner/\u202ename", "plain letters", "owner/name"),
        ("owner/" + "n" * 101, "may hold only", "owner/name"),
        ("o" * 40 + "/name", "no owner of that name", "owner/name"),
        ("git.example.com/" + "/".join("g" * 60 for _ in range(6)), "too long", "owner/name"),
        ("git.example.com/" + "/".join("abcdefghi"), "too long", "owner/name"),
        ("a/" * 1_500, "longer than 2,000", "owner/name"),
    ],
)
def test_what_names_no_repository_is_refused_with_what_would_work(written: str, problem: str, example: str) -> None:
    with pytest.raises(RepositoryNameError) as caught:
        parse(written)
    assert problem in caught.value.problem
    assert caught.value.example == example
    assert len(caught.value.given) <= 81


@pytest.mark.parametrize(
    "written",
    [
        f"https://user:{CANARY}@github.com/calcom",
        f"https://{CANARY}@github.com/calcom",
        f"https://user:{CANARY}@localhost/o/n",
        f"https://user:{CANARY}@[::1]/o/n",
        f"https://user:{CANARY}@[::1/o/n",
        f"https://user:p@ss{CANARY}@github.com/o",
        f"https://user:p/ss{CANARY}@github.com/o",
        f"https://user:{CANARY}\u2100@github.com/o/n",
        f"user:{CANARY}@github.com:o/n",
        f"git:{CANARY}@gitserver:o/n",
        f"https://github.com/o?access_token={CANARY}",
        f"https://github.com/o#access_token={CANARY}",
        f"ftp://user:{CANARY}@example.com/o/n",
        f"owner/name x://u:{CANARY}@h",
        "ghp_" + CANARY + "0123456789",
        "https://github.com/ghp_" + CANARY + "0123456789",
    ],
)
def test_credentials_are_never_echoed(written: str) -> None:
    with pytest.raises(RepositoryNameError) as caught:
        parse(written)
    error = caught.value
    for shown in (error.given, error.problem, error.example, str(error), repr(error), sentence(error)):
        assert CANARY not in shown
    assert error.__cause__ is None
    assert error.__context__ is None


def test_names_are_one_where_their_host_knows_no_case() -> None:
    assert same("github.com/Calcom/Cal.com", "github.com/calcom/cal.com")
    assert same("gitlab.com/G/s/N", "gitlab.com/g/S/n")
    assert not same("git.example.com/O/n", "git.example.com/o/n")
    assert not same("local/a/B", "local/a/b")
    assert not same("github.com/calcom/cal.com", "gitlab.com/calcom/cal.com")


PIECES = (
    *"/:@.?#&%<>|`'\"()[]*,;!\\-_ \t\n\x00Az",
    *("..", "./", "//", "://", ".git", ".GIT", "www.", "github.com", "gitlab.com", "git.example.com", "local", "owner"),
    *("name", "tree", "blob", "/-/", "src", "branch", "pull/", "3", "issues", ":8443", ":22", "git@", "ssh.github.com"),
    *(
        "http://",
        "https://",
        "ssh://",
        "user:pw@",
        "%2f",
        "%2e%2e",
        "é",
        "і",
        "\u202e",
        "\ud800",
        "z" * 90,
        "/o/n",
        "/a/b",
    ),
)


def promises(written: str) -> None:
    """The promises of `parse` for any text whatever."""
    try:
        name = parse(written)
    except RepositoryNameError as error:
        refused = error
    else:
        assert CANONICAL.fullmatch(name)
        assert len(name) <= 300
        assert "/../" not in f"{name}/"
        assert not name.endswith(".git")
        assert parse(name) == name
        assert parse_qsl(urlencode({"repo_name": name})) == [("repo_name", name)]
        return
    assert CANONICAL.fullmatch(parse(refused.example)), refused.example
    assert len(refused.given) <= 81
    assert refused.given.isprintable()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [5_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_any_pieces_make_a_name_or_are_refused(count: int) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    for _ in range(count):
        written = "".join(chance.choices(PIECES, k=chance.randint(1, 9)))
        try:
            promises(written)
        except Exception as error:
            pytest.fail(f"seed {seed}: {written!r}: {error!r}")


@given(st.text(max_size=80))
@settings(deadline=None)
def test_any_text_is_a_name_or_refused(written: str) -> None:
    promises(written)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=4).map(lambda parts: Path("/", *parts)))
def test_every_name_the_console_gives_a_folder_is_canonical(folder: Path) -> None:
    name = names.of_folder(folder)
    assert parse(name) == names.check(name) == name


@given(
    st.sampled_from(["https://", "http://", "ssh://git@", "git+ssh://", "git://", "git@", "user:pw@", ""]),
    st.sampled_from(
        ["github.com", "WWW.github.com", "ssh.github.com", "altssh.gitlab.com", "git.example.org", "local"]
    ),
    st.sampled_from(["/", ":", ":443/", ":22/", ":8443/", "//"]),
    st.lists(st.sampled_from([*"oOz/.~-_?#", "/", "name", "..", ".git", "tree", "/-/", "22/", "orgs"]), max_size=7),
)
def test_a_working_copy_has_the_name_its_clone_address_is_mapped_by(
    scheme: str, host: str, separator: str, pieces: list[str]
) -> None:
    address = f"{scheme}{host}{separator}{''.join(pieces)}"
    name = names.of_remote(address)
    if name is not None:
        assert name == names.check(name) == parse(name) == parse(address)


def test_where_nothing_need_be_named_a_blank_names_nothing() -> None:
    assert parse_given(" \n") is None
    assert parse_given(" acme/web ") == "github.com/acme/web"
    with pytest.raises(RepositoryNameError):
        parse_given("no repository")
