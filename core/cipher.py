"""Authenticated encryption bound to the row: what is stored opens only in the row and column it was written for.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce: sound for 2^32 texts a key. Layout of a sealed value:

    1 byte version | 8 bytes key id | 12 bytes nonce | ciphertext and tag
"""

from __future__ import annotations

import base64
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
_STANDARD = str.maketrans("-_", "+/")  # from the URL-safe alphabet of base64
HEAD_OCTETS = len(_VERSION) + _ID_BYTES  # at the beginning of a sealed value, which say under which key
_HEAD = HEAD_OCTETS + _NONCE_BYTES


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a sealed value lives: table, column and the parts of its row's key. Any other cell refuses it."""

    table: str
    column: str
    row: tuple[str, ...]

    def associated_data(self) -> bytes:
        """The cell as bytes, each part with its length, so that no two cells read alike."""
        parts = (self.table, self.column, *self.row)
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        return b"".join([len(part).to_bytes(4, "big") + part for part in encoded])


@dataclass(frozen=True, slots=True)
class Key:
    """One 256-bit key. Its id is public: a hash that tells keys apart and gives nothing away."""

    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) != _KEY_BYTES:  # AES would take 16 or 24 as well, and be weaker
            raise KeyringError(f"a key is not {_KEY_BYTES} bytes long")

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

    __slots__ = ("_cipher", "_ciphers", "_first", "_keys", "head")

    head: bytes
    """The first bytes of every value sealed under the key that encrypts now; rotation seals the others anew."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        if not keys:
            raise KeyringError("it holds no key")
        self._keys = keys
        self._ciphers = {key.key_id: AESGCM(key.material) for key in keys}
        self._first = keys[0]
        self._cipher = self._ciphers[self._first.key_id]
        self.head = _VERSION + self._first.key_id

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Keys between commas or white space, each 32 bytes in URL-safe base64.

        Raises KeyringError without repeating them.
        """
        parts = enumerate(text.replace(",", " ").split(), 1)
        return cls(tuple(_parse_key(part, number) for number, part in parts))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(key_id.hex() for key_id in self._ciphers)})"

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        raise TypeError("a Keyring is not pickled or copied")

    def seal(self, plain: bytes, cell: Cell) -> bytes:
        """Encrypt for this cell, under the first key."""
        nonce = os.urandom(_NONCE_BYTES)
        return self.head + nonce + self._cipher.encrypt(nonce, plain, self.head + cell.associated_data())

    def open(self, sealed: bytes, cell: Cell) -> bytes:
        """Decrypt what was sealed for this very cell. Raises UnknownKey or Tampered; there is no fallback."""
        head, nonce = sealed[:HEAD_OCTETS], sealed[HEAD_OCTETS:_HEAD]
        if len(sealed) < _HEAD or head[:1] != _VERSION:
            raise Tampered(f"{cell.table}.{cell.column}: not a sealed value")
        cipher = self._ciphers.get(head[1:])
        if cipher is None:
            raise UnknownKey(head[1:].hex())
        try:
            return cipher.decrypt(nonce, sealed[_HEAD:], head + cell.associated_data())
        except InvalidTag:
            raise Tampered(f"{cell.table}.{cell.column}: does not belong to this row, or was changed") from None

    def lacks(self, head: bytes) -> str | None:
        """The id of the key under which values that begin like this were sealed, if it is not here."""
        return head[1:].hex() if head[:1] == _VERSION and head[1:] not in self._ciphers else None

    def seal_text(self, text: str, cell: Cell) -> bytes:
        """`seal` for text; lone surrogates survive."""
        return self.seal(text.encode("utf-8", "surrogatepass"), cell)

    def open_text(self, sealed: bytes, cell: Cell) -> str:
        """`open` for text."""
        return self.open(sealed, cell).decode("utf-8", "surrogatepass")

    def fingerprint(self, text: str) -> str:
        """Eight hex digits that tell two secrets apart, keyed so that nobody else can compute them."""
        return hmac.new(
            self._first.material, b"fingerprint\x00" + text.encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()[:8]


def _parse_key(text: str, number: int) -> Key:
    digits = text.rstrip("=")
    try:
        # strict, or a stray character in the middle would be skipped in silence; both alphabets are in use
        material = base64.b64decode(digits.translate(_STANDARD) + "=" * (-len(digits) % 4), validate=True)
    except ValueError:
        material = b""
    if len(material) != _KEY_BYTES:
        raise KeyringError(f"key {number} is not {_KEY_BYTES} bytes in URL-safe base64")
    return Key(material)
