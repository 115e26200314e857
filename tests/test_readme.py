"""What the README says is made from tests is what they make; what its first command installs is all that is needed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests import platform_contract

ROOT = Path(__file__).parents[1]


def test_the_table_of_what_works_where_is_that_of_the_contract() -> None:
    """If this fails, replace the README's table by what `python -m tests.platform_contract` prints."""
    assert "\n".join(platform_contract.table()) in (ROOT / "README.md").read_text()


def test_what_askrepo_depends_on_is_in_the_locked_requirements() -> None:
    """If this fails: `uv pip compile --universal --generate-hashes --no-header pyproject.toml -o requirements.txt`."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert {_name(each) for each in needed} <= {_name(each) for each in locked}


def test_the_map_of_the_house_names_every_module() -> None:
    drawn = (ROOT / "README.md").read_text().partition("## The house")[2].partition("alembic/")[0]
    modules = {path.stem for folder in ("core", "bots") for path in (ROOT / folder).glob("[!_]*.py")}
    assert modules - set(re.findall(r"\w+", drawn)) == set()


def test_the_files_that_the_readme_names_are_there() -> None:
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`((?:bots|channels|chat|core|relay|tests)/\w[\w/]*\.\w+)`", text))
    assert "relay/writer.py" in named
    assert {each for each in named if not any((top / each).exists() for top in (ROOT, ROOT / "core"))} == set()


def _name(requirement: str) -> str:
    """The project's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", requirement, maxsplit=1)[0]).lower()
