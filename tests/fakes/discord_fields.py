"""How the fake Discord checks the fields of a body: small checks that raise 50035 with the path of the field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.discord_errors import bad

Check = Callable[[Any, str], None]
_SNOWFLAKE = re.compile(r"\d{1,20}\Z")


def below(path: str, name: object) -> str:
    """The path of a field inside another."""
    return f"{path}.{name}" if path else str(name)


def text(most: int, least: int = 0) -> Check:
    """A string of so many characters."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise bad(path, "Could not interpret this as a string.")
        if not least <= len(value) <= most:
            raise bad(path, f"Must be between {least} and {most} in length.")

    return check


def number(least: int, most: int) -> Check:
    """An integer in these bounds."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise bad(path, f"int value should be between {least} and {most}.")

    return check


def one_of(*values: Any) -> Check:
    """One of these."""

    def check(value: Any, path: str) -> None:
        if not any(value == each and type(value) is type(each) for each in values):
            raise bad(path, f"Value must be one of {set(values)}.")

    return check


def flag(value: Any, path: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise bad(path, "Must be either true or false.")


def snowflake(value: Any, path: str) -> None:
    """An id, as string or number."""
    if not isinstance(value, str | int) or isinstance(value, bool) or not _SNOWFLAKE.match(str(value)):
        raise bad(path, f'Value "{value}" is not snowflake.')


def anything(value: Any, path: str) -> None:
    """Not looked at."""


def items(check: Check, most: int, least: int = 0, *, unique: bool = False) -> Check:
    """A list of so many items, each checked."""

    def whole(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise bad(path, "Only iterables may be used in a ListType")
        if not least <= len(value) <= most:
            raise bad(path, f"Must be between {least} and {most} in length.")
        if unique and len({str(each) for each in value}) < len(value):
            raise bad(path, "Values must be unique")
        for at, each in enumerate(value):
            check(each, below(path, at))

    return whole


def record(needed: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these fields. An optional one may be null; Discord ignores others, here they are mistakes."""
    known = {**needed, **(optional or {})}

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise bad(path, "Only dictionaries may be used in a DictType")
        for name in value:
            if name not in known:
                raise bad(below(path, name), "no such field")
        for name, field in known.items():
            if name in needed and value.get(name) is None:
                raise bad(below(path, name), "This field is required")
            if value.get(name) is not None:
                field(value[name], below(path, name))

    return check
