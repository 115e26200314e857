"""Authenticated encryption bound to the row: what is stored opens only in the row and column it was written for.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce: sound for 2^32 texts a key. Layout of a sealed value:

    1 byte version | 8 bytes key id | 12 bytes nonce | ciphertext and tag
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import KeyringError, Tampered, UnknownKey

_VERSION = b"\x01"
_KEY_BYTES = 32
_ID_BYTES = 8
_NONCE_BYTES = 12
_HEAD = len(_VERSION) + _ID_BYTES + _NONCE_BYTES


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a sealed value lives: table, column and the parts of its row's key. Any other cell refuses it."""

    table: str
    column: str
    row: tuple[str, ...]

    def associated_data(self) -> bytes:
        """The cell as bytes, each part with its length, so that no two cells read alike."""
        parts = (self.table, self.column, *self.row)
        return b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)


@dataclass(frozen=True, slots=True)
class Key:
    """One 256-bit key. Its id is public: a hash that tells keys apart and gives nothing away."""

    material: bytes = field(repr=False)

    @property
    def key_id(self) -> bytes:
        """The public id stored with every value sealed under this key."""
        return hashlib.sha256(b"askrepo key id\x00" + self.material).digest()[:_ID_BYTES]

    def text(self) -> str:
        """The key as it stands in ASKREPO_SECRET_KEYS: URL-safe base64."""
        return base64.urlsafe_b64encode(self.material).decode()


def new_key() -> Key:
    """A fresh random key."""
    return Key(os.urandom(_KEY_BYTES))


class Keyring:
    """Keys by id; the first one encrypts, all decrypt. Prints and pickles without key material."""

    __slots__ = ("_ciphers", "_first", "_keys")

    def __init__(self, keys: tuple[Key, ...]) -> None:
        if not keys:
            raise KeyringError("it holds no key")
        self._keys = keys
        self._ciphers = {key.key_id: AESGCM(key.material) for key in keys}
        self._first = keys[0]

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Comma-separated keys, each 32 bytes in URL-safe base64. Raises KeyringError without repeating them."""
        return cls(
            tuple(_parse_key(part, number) for number, part in enumerate(text.split(","), 1) if part.strip())
        )

    def __repr__(self) -> str:
        return f"Keyring({', '.join(key_id.hex() for key_id in self._ciphers)})"

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        raise TypeError("a Keyring is not pickled or copied")

    def seal(self, plain: bytes, cell: Cell) -> bytes:
        """Encrypt for this cell, under the first key."""
        head = _VERSION + self._first.key_id
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._first.key_id].encrypt(nonce, plain, head + cell.associated_data())
        return head + nonce + sealed

    def open(self, sealed: bytes, cell: Cell) -> bytes:
        """Decrypt what was sealed for this very cell. Raises UnknownKey or Tampered; there is no fallback."""
        head, nonce = sealed[: _HEAD - _NONCE_BYTES], sealed[_HEAD - _NONCE_BYTES : _HEAD]
        if len(sealed) < _HEAD or head[:1] != _VERSION:
            raise Tampered(f"{cell.table}.{cell.column}: not a sealed value")
        cipher = self._ciphers.get(head[1:])
        if cipher is None:
            raise UnknownKey(head[1:].hex())
        try:
            return cipher.decrypt(nonce, sealed[_HEAD:], head + cell.associated_data())
        except InvalidTag:
            raise Tampered(
                f"{cell.table}.{cell.column}: does not belong to this row, or was changed"
            ) from None

    def seal_text(self, text: str, cell: Cell) -> bytes:
        """`seal` for text; lone surrogates survive."""
        return self.seal(text.encode("utf-8", "surrogatepass"), cell)

    def open_text(self, sealed: bytes, cell: Cell) -> str:
        """`open` for text."""
        return self.open(sealed, cell).decode("utf-8", "surrogatepass")

    def current(self, sealed: bytes) -> bool:
        """Whether the value is sealed under the key that encrypts now; if not, rotation seals it anew."""
        return sealed[1 : 1 + _ID_BYTES] == self._first.key_id

    def fingerprint(self, text: str) -> str:
        """Eight hex digits that tell two secrets apart, keyed so that nobody else can compute them."""
        return hmac.new(self._first.material, b"fingerprint\x00" + text.encode(), hashlib.sha256).hexdigest()[
            :8
        ]


def _parse_key(text: str, number: int) -> Key:
    try:
        material = base64.urlsafe_b64decode(text.strip().encode("ascii"))
    except (binascii.Error, UnicodeEncodeError):
        material = b""
    if len(material) != _KEY_BYTES:
        raise KeyringError(f"key {number} is not {_KEY_BYTES} bytes in URL-safe base64")
    return Key(material)
