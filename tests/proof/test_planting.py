"""The bugs that are planted: each can still be planted, and what is said of one is what its tests did.

All of them are planted by `python -m tests.proof.planting`, which takes many minutes.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.proof.planting import FOREIGN, ROOT, Plant, Run, Verdict, judged, plants, search

PRODUCT = "def double(number: int) -> int:\n    return number * 2\n"
TESTS = """\
from core.arithmetic import double

def test_two():
    assert double(2) == 4
"""
BUG = Plant("bug", "P3", "core/arithmetic.py", "number * 2", "number + 2", ("tests/test_it.py",), "Sums are wrong.")


def test_every_bug_can_be_planted() -> None:
    known = plants()
    assert {plant.name: found for plant in known if (found := plant.problems(ROOT))} == {}
    assert len(known) >= 20


def test_no_bug_is_found_by_a_name_that_is_not_there(tmp_path: Path) -> None:
    """That would fail any test."""
    for plant in plants():
        (tmp_path / f"{plant.name}.py").write_text(plant.planted((ROOT / plant.file).read_text()))
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--quiet", "--select", "F821"]
    done = subprocess.run([*ruff, tmp_path], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small tree of its own."""
    for name, text in {
        "core/__init__.py": "",
        "core/arithmetic.py": PRODUCT,
        "bots/__init__.py": "",
        "tests/test_it.py": TESTS,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def test_a_bug_is_planted_in_a_copy_and_found_there(root: Path) -> None:
    (report,) = search([replace(BUG, new="number + 1")], root)
    assert (report.verdict, report.by) == (Verdict.FOUND, "tests/test_it.py::test_two")
    assert (root / BUG.file).read_text() == PRODUCT


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (Run(0), Verdict.MISSED),
        (Run(1, ["test_it"]), Verdict.FOUND),
        (Run(1, ["test_it"], in_set_up=True), Verdict.BROKEN),  # nothing was looked at
        *((Run(code), Verdict.BROKEN) for code in (1, 2, 3, 4, 5, FOREIGN, -9)),
    ],
)
def test_only_a_test_that_fails_has_found_it(run: Run, verdict: Verdict) -> None:
    assert judged(BUG, run).verdict is verdict


@pytest.mark.parametrize(
    ("bug", "problem"),
    [
        (BUG, ""),
        (replace(BUG, old="number"), "occurs 2 times"),
        (replace(BUG, old="number * 3"), "occurs 0 times"),
        (replace(BUG, new="number  *  2"), "it changes nothing"),
        (replace(BUG, new="number *"), "is no Python"),
        (replace(BUG, file="tests/test_it.py"), "is no file of the product"),
        (replace(BUG, file="core/other.py"), "there is no core/other.py"),
        (replace(BUG, tests=()), "tests is empty"),
        (replace(BUG, tests=("tests/other.py",)), "there is no tests/other.py"),
        (replace(BUG, tests=("tests/test_it.py::test_three[x]",)), "there is no tests/test_it.py::test_three[x]"),
    ],
)
def test_what_cannot_be_planted(bug: Plant, problem: str, root: Path) -> None:
    found = bug.problems(root)
    assert any(problem in each for each in found) if problem else not found
