"""Later versions of askrepo: copies of this one, each with a revision of the schema more."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from alembic.script import ScriptDirectory

from core import schema

_HOUSE = Path(__file__).parents[2]
_PARTS = ("core", "bots", "alembic", "tests/__init__.py", "tests/console/__init__.py", "tests/console/forking.py")
_REVISION = '''"""As the next version may have it: something more, which the version still running knows nothing of.

Revises: {before}
"""

import sqlalchemy as sa

from alembic import op

revision = "{name}"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("turns", sa.Column("{name}", sa.String(), nullable=True))
    op.create_index("ix_turns_{name}", "turns", ["{name}"])


def downgrade() -> None:
    op.drop_index("ix_turns_{name}", "turns")
    op.drop_column("turns", "{name}")
'''


def later_versions(folder: Path, many: int) -> Iterator[Path]:
    """So many versions, one after the other: where each of them is."""
    head = ScriptDirectory.from_config(schema.config()).get_current_head()
    assert head is not None
    names = [head, *(f"later{number}" for number in range(1, many + 1))]
    for newest in range(1, many + 1):
        house = folder / names[newest]
        for part in _PARTS:
            _copy(_HOUSE / part, house / part)
        for before, name in pairwise(names[: newest + 1]):
            text = _REVISION.format(before=before, name=name)
            (house / "alembic" / "versions" / f"{name}.py").write_text(text, encoding="utf-8")
        yield house


def _copy(what: Path, where: Path) -> None:
    where.parent.mkdir(parents=True, exist_ok=True)
    if what.is_dir():
        shutil.copytree(what, where, ignore=shutil.ignore_patterns("__pycache__"))  # which others write to
    else:
        shutil.copy2(what, where)
