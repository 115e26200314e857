"""Secrets that cannot be shown by accident."""

from __future__ import annotations

import hmac
import threading
import weakref
from typing import Any, NoReturn

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from core.errors import SecretError

_live: weakref.WeakSet[Secret] = weakref.WeakSet()
_live_guard = threading.RLock()  # threads log too, and a set that grows while it is read raises


class Secret:
    """A text that is never printed, logged, pickled, copied or serialised; `reveal()` is the only way to it."""

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        with _live_guard:
            _live.add(self)

    def reveal(self) -> str:
        """The text itself. Call it at the very place of use, and store the result nowhere."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # surrogatepass: the exception for a lone surrogate would carry the text
        mine, theirs = (secret.reveal().encode("utf-8", "surrogatepass") for secret in (self, other))
        return hmac.compare_digest(mine, theirs)

    __hash__ = object.__hash__  # by identity: a hash of the value could be looked up

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is neither pickled nor copied")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret is neither pickled nor copied")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from_text = core_schema.no_info_after_validator_function(cls, core_schema.str_schema())
        return core_schema.union_schema(
            [core_schema.is_instance_schema(cls), from_text],
            serialization=core_schema.plain_serializer_function_ser_schema(
                repr, return_schema=core_schema.str_schema()
            ),
        )


def live_values() -> list[str]:
    """The secrets this process holds now, longest first, for the redaction of log lines."""
    with _live_guard:
        values = {secret.reveal() for secret in _live}
    return sorted((value for value in values if len(value) >= _SHORTEST), key=len, reverse=True)


def repeats(label: str, secret: Secret) -> bool:
    """Whether a label, stored and shown in clear, holds the secret, or sixteen characters of it in a row.

    White space and what cannot be seen do not hide it; a part of it is what is left of one that was too long.
    """
    value, seen = secret.reveal(), "".join(each for each in label if each.isprintable() and not each.isspace())
    size = min(len(value), _PIECE)
    return any(value[at : at + size] in seen for at in range(len(value) - size + 1))


_SHORTEST = 6  # redacting shorter texts would blacken ordinary words
_PIECE = 16  # a label may well begin like the tokens of a service do
_LONGEST = 4_096  # octets; a header line beyond this is refused by common servers


def bearer(text: str) -> Secret:
    """A text as a Bearer token.

    Surrounding white space is pasting residue and dropped. Raises SecretError for anything a header cannot carry:
    httpx would put the whole token into its exception text.
    """
    token = text.strip()
    if not token:
        raise SecretError("it is empty")
    if token.lower().startswith("bearer "):
        raise SecretError("it starts with the word Bearer; give the token alone")
    if len(token) > _LONGEST:
        raise SecretError(f"it is longer than {_LONGEST} characters")
    if not all("!" <= character <= "~" for character in token):
        raise SecretError("it holds white space or characters outside ASCII; a token is one unbroken word")
    return Secret(token)
