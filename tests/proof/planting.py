"""Bugs planted in the product, one at a time, each to be found by the tests that are named with it.

    python -m tests.proof.planting [name …]

A file of `planted/` describes one bug: `check` (what it is about: an id of the checks, or a short name), `file`, the
text `old` that occurs there once and the text `new` in its place, `tests` (arguments of pytest, as few as find it) and
`why` (what people would suffer). The tree as it is at the start is copied into a folder of its own for each bug; there
the bug is planted and its tests run, with this interpreter. Without the bug the same tests have to pass first.

Exit code 1 unless every bug was found: one that was missed is a hole in the tests; one that is broken does not apply
any more, or its tests end in another way than by failing.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FOLDER = Path(__file__).parent / "planted"
_PRODUCT = ("core/", "bots/", "alembic/")
_LONGEST_SECONDS = 3_600  # of one run of tests
FOREIGN = 97  # the exit code where tests would run against another tree than the copy
_PASSED, _FAILED = 0, 1  # of pytest
_FAILURES = "failures-of-planted"  # the file in the copy that names them
_PYTEST = f"""\
import sys
from pathlib import Path

import bots
import core
import pytest

if any(Path(package.__file__).resolve().parents[1] != Path.cwd().resolve() for package in (bots, core)):
    sys.exit({FOREIGN})


class Failures:
    path = Path("{_FAILURES}").resolve()  # a test may stand in another folder when it fails

    def pytest_runtest_logreport(self, report):
        if report.failed:
            with self.path.open("a") as file:
                print(report.when, report.nodeid, file=file)


sys.exit(pytest.main(sys.argv[1:], plugins=[Failures()]))
"""


class Verdict(StrEnum):
    """What became of a planted bug."""

    FOUND = "found"
    MISSED = "MISSED"
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Plant:
    """One bug. `name` is its file's."""

    name: str
    check: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    why: str

    def planted(self, source: str) -> str:
        """The file with the bug in it."""
        return source.replace(self.old, self.new, 1)

    def problems(self, root: Path) -> list[str]:
        """Why it cannot be planted in this tree; nothing if it can."""
        found = [f"{name} is empty" for name in ("check", "tests", "why") if not getattr(self, name)]
        if not self.file.startswith(_PRODUCT):
            found.append(f"{self.file} is no file of the product")
        found += [f"there is no {test}" for test in self.tests if not _is_there(root, test)]
        path = root / self.file
        if not path.is_file():
            return [*found, f"there is no {self.file}"]
        source = path.read_text()
        if (times := source.count(self.old)) != 1:
            return [*found, f"`old` occurs {times} times in {self.file}"]
        try:
            if ast.dump(ast.parse(self.planted(source))) == ast.dump(ast.parse(source)):
                found.append("it changes nothing")
        except SyntaxError as error:
            found.append(f"line {error.lineno} of {self.file} is no Python: {error.msg}")
        return found


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one bug, by which test or why, and how long its tests ran."""

    plant: Plant
    verdict: Verdict
    by: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """How tests ended, and those that `failed`; `in_set_up`: none did, but what a test needs could not be had."""

    code: int
    failed: Sequence[str] = ()
    in_set_up: bool = False
    seconds: float = 0.0


def plants(folder: Path = _FOLDER) -> list[Plant]:
    """All of them, by name. Raises TypeError for a file with other fields than these."""
    read = ((path.stem, tomllib.loads(path.read_text())) for path in sorted(folder.glob("*.toml")))
    return [Plant(name=name, **{**fields, "tests": tuple(fields.get("tests", ()))}) for name, fields in read]


def search(wanted: Sequence[Plant], root: Path = ROOT) -> Iterator[Report]:
    """Plant each of these bugs in a copy of the tree, and see whether its tests find it."""
    with _copy(root) as clean:  # once: whoever works on the tree meanwhile changes nothing here
        problems = {plant.name: "; ".join(plant.problems(clean)) for plant in wanted}
        green = _green(clean, {plant.tests for plant in wanted if not problems[plant.name]})
        for plant in wanted:
            if problem := problems[plant.name] or green[plant.tests]:
                yield Report(plant, Verdict.BROKEN, problem)
                continue
            with tempfile.TemporaryDirectory(prefix="askrepo-planted-") as folder:
                copy = Path(shutil.copytree(clean, folder, dirs_exist_ok=True))
                path = copy / plant.file
                path.write_text(plant.planted(path.read_text()))
                Path(cache_from_source(path)).unlink(missing_ok=True)
                yield judged(plant, _ran(copy, plant.tests))


def _green(clean: Path, selections: Collection[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Of each selection of tests, why it does not pass without a bug; nothing if it does.

    They are run together; what fails there, or has options of its own, once more by itself.
    """
    together = [each for each in selections if all(test.startswith("tests/") for test in each)]
    passed: set[tuple[str, ...]] = set()
    if together:  # else everything would be run
        run = _ran(clean, sorted({test for each in together for test in each}), "--maxfail=0")
        if run.code in {_PASSED, _FAILED}:
            passed = {each for each in together if not any(_selects(test, run.failed) for test in each)}
    alone = {each: _ran(clean, each) for each in selections if each not in passed}
    failed = {each: f"without it {_how(run)}" for each, run in alone.items() if run.code != _PASSED}
    return {each: failed.get(each, "") for each in selections}


def _selects(test: str, failed: Sequence[str]) -> bool:
    """Whether this argument of pytest stands for one of these tests."""
    return any(each == test or each.startswith((f"{test}::", f"{test}[")) for each in failed)


def judged(plant: Plant, run: Run) -> Report:
    """What the tests of a planted bug say of it."""
    match run.code:
        case 0:
            return Report(plant, Verdict.MISSED, "its tests pass", run.seconds)
        case 1 if run.failed and not run.in_set_up:
            return Report(plant, Verdict.FOUND, run.failed[0], run.seconds)
    return Report(plant, Verdict.BROKEN, _how(run), run.seconds)


def _how(run: Run) -> str:
    if run.code == FOREIGN:
        return "the tests would not run against the copy"
    if run.failed:
        return f"{'what it needs for ' if run.in_set_up else ''}{run.failed[0]} fails"
    return f"pytest ends with {run.code}"


@contextmanager
def _copy(root: Path) -> Iterator[Path]:
    """A folder with the files as they are now, those that git does not know yet among them, but for what it ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    with tempfile.TemporaryDirectory(prefix="askrepo-planted-") as folder:
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():
                (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / name, Path(folder) / name)
        yield Path(folder)


def _ran(copy: Path, tests: Sequence[str], *options: str) -> Run:
    """Run tests in a copy, up to the first that fails unless options say otherwise."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    fixed = ("-n", "0", "--maxfail=1", "--tb=no", "-p", "no:cacheprovider")
    began = time.monotonic()
    try:
        code = subprocess.run(
            [sys.executable, "-c", _PYTEST, *fixed, *options, *tests],
            cwd=copy,
            env=environment | {"PYTHONPATH": str(copy)},
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_LONGEST_SECONDS,
        ).returncode
    except subprocess.TimeoutExpired:
        code = -1
    path = copy / _FAILURES
    failures = [line.partition(" ") for line in path.read_text().splitlines()] if path.is_file() else []
    path.unlink(missing_ok=True)
    in_set_up = bool(failures) and all(when == "setup" for when, _, _ in failures)
    return Run(code, [test for _, _, test in failures], in_set_up, time.monotonic() - began)


def _is_there(root: Path, test: str) -> bool:
    """Whether a file of tests, and the test in it that is named, are there; options are taken as they are."""
    if not test.startswith("tests/"):
        return True
    file, _, name = test.partition("::")
    path = root / file
    if not name:
        return path.exists()
    function = re.escape(name.rpartition("::")[2].partition("[")[0])
    return path.is_file() and re.search(rf"^\s*(?:async )?def {function}\(", path.read_text(), re.MULTILINE) is not None


def main() -> None:
    parser = argparse.ArgumentParser(description="Plants bugs, and sees that the tests find them.")
    parser.add_argument("names", nargs="*", metavar="name", help="of the bugs; all, if none is named")
    names = parser.parse_args().names
    known = {plant.name: plant for plant in plants()}
    if strange := [name for name in names if name not in known]:
        parser.error(f"there is no {', '.join(strange)}")
    reports = []
    print(f"{'bug':<40} {'check':<18} {'':<7} {'seconds':>7}  by", flush=True)
    for report in search([known[name] for name in names or known]):
        reports.append(report)
        plant = report.plant
        print(f"{plant.name:<40} {plant.check:<18} {report.verdict:<7} {report.seconds:7.1f}  {report.by}", flush=True)
    found = sum(report.verdict is Verdict.FOUND for report in reports)
    print(f"{len(reports)} planted, {found} found")
    raise SystemExit(found < len(reports))


if __name__ == "__main__":
    main()
