"""What the README says is made from tests is what they make."""

from __future__ import annotations

from pathlib import Path

from tests import platform_contract

README = Path(__file__).parents[1] / "README.md"


def test_the_table_of_what_works_where_is_that_of_the_contract() -> None:
    """If this fails, replace the README's table by what `python -m tests.platform_contract` prints."""
    assert "\n".join(platform_contract.table()) in README.read_text()
