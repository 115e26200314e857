"""What is sealed opens only in its own row and column, unchanged; everything else is a named error (SE-09).

The same in the database, and what becomes of a question: tests/test_sealed.py, tests/relay/test_tampered.py. A million
mutations: pytest tests/test_cipher.py -m long -n 0
"""

from __future__ import annotations

import base64
import copy
import itertools
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import LargeBinary

from core import installations, tickets
from core.channels.preferences import instructions_cell
from core.channels.tokens import token_cell
from core.cipher import Cell, Key, Keyring, new_key
from core.conversation.history import text_cell
from core.conversation.values import ChannelRef, WorkspaceRef
from core.errors import CipherError, KeyringError, Tampered, UnknownKey
from core.tables import Base
from core.workspaces import data_key_cell

RING = Keyring((new_key(),))
OTHER = Keyring((new_key(),))
CELL = Cell("tokens", "sealed", ("slack", "T1", "1"))
PLACES = [WorkspaceRef("slack", "T1"), WorkspaceRef("slack", "T2"), WorkspaceRef("discord", "T1")]
TEXTS = ("question", "reference", "context", "answer")
CELLS = [
    *(data_key_cell(place) for place in PLACES),
    *(text_cell(place, turn, column) for place in PLACES for turn in ("1", "2") for column in TEXTS),
    *(
        instructions_cell(ChannelRef(place.platform, place.workspace_id, channel))
        for place in PLACES
        for channel in ("1", "2")
    ),
    *(installations._cell(place) for place in PLACES),
    *(tickets._cell(ticket, purpose) for ticket in ("1", "2") for purpose in ("slack install", "token page")),
    *(
        token_cell(place, token_id, purpose, origin)
        for place in PLACES
        for token_id in ("1", "2")
        for purpose in ("mapping", "workspace")
        for origin in ("https://chat.example.com", "https://other.example.com")
    ),
]


def refused(ring: Keyring, sealed: bytes, cell: Cell = CELL) -> CipherError:
    with pytest.raises(CipherError) as caught:
        ring.open(sealed, cell)
    assert type(caught.value) in {Tampered, UnknownKey}
    assert caught.value.__cause__ is None
    return caught.value


def test_between_any_two_rows_and_columns_a_swap_is_refused() -> None:
    sealed = {cell: RING.seal(b"plain", cell) for cell in CELLS}
    assert len(sealed) == len(CELLS)
    for one, other in itertools.permutations(CELLS, 2):
        assert type(refused(RING, sealed[one], other)) is Tampered
    for cell in CELLS:
        assert RING.open(sealed[cell], cell) == b"plain"


def test_every_bit_counts() -> None:
    sealed = RING.seal(b"a token of some length", CELL)
    for number, bit in itertools.product(range(len(sealed)), range(8)):
        changed = bytearray(sealed)
        changed[number] ^= 1 << bit
        error = refused(RING, bytes(changed))
        assert type(error) is (UnknownKey if 1 <= number <= 8 else Tampered)


def test_every_truncation_and_every_addition_is_refused() -> None:
    sealed = RING.seal(b"a token of some length", CELL)
    for length in range(len(sealed)):
        refused(RING, sealed[:length])
        refused(RING, sealed[length + 1 :])
        refused(RING, sealed[:length] + sealed[length + 1 :])
    for extra in (b"\x00", b"=", sealed):
        refused(RING, sealed + extra)
        refused(RING, extra + sealed)
    assert RING.open(RING.seal(b"", CELL), CELL) == b""


@given(st.binary(max_size=100))
def test_no_other_bytes_open(noise: bytes) -> None:
    refused(RING, noise)
    refused(RING, RING.head + noise)


texts = st.text(alphabet=st.characters(exclude_categories=()))  # with lone surrogates
cells = st.builds(Cell, texts, texts, st.lists(texts, max_size=4).map(tuple))


@given(st.binary(), cells, cells)
def test_what_is_sealed_opens_in_its_cell_alone(plain: bytes, cell: Cell, other: Cell) -> None:
    sealed = RING.seal(plain, cell)
    assert RING.open(sealed, cell) == plain
    if cell != other:
        assert cell.associated_data() != other.associated_data()
        refused(RING, sealed, other)
    refused(OTHER, sealed, cell)


@given(texts)
def test_texts_survive_whatever_they_hold(text: str) -> None:
    assert RING.open_text(RING.seal_text(text, CELL), CELL) == text
    assert len(RING.fingerprint(text)) == 8


def test_parts_of_a_cell_do_not_run_into_each_other() -> None:
    cells = [Cell("ab", "c", ("d",)), Cell("a", "bc", ("d",)), Cell("ab", "c", ("", "d")), Cell("ab", "cd", ())]
    assert len({cell.associated_data() for cell in cells}) == len(cells)


def test_every_column_of_octets_is_sealed_in_a_cell_of_its_own() -> None:
    columns = {
        (table.name, column.name)
        for table in Base.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }
    assert {(cell.table, cell.column) for cell in CELLS} == columns


def _swapped(chance: random.Random, own: bytes, other: bytes) -> bytes:
    return other


def _cut(chance: random.Random, own: bytes, other: bytes) -> bytes:
    at = chance.randrange(len(own))
    return chance.choice([own[:at], own[at + 1 :], own[:at] + own[at + chance.randint(1, 40) :]])


def _flipped(chance: random.Random, own: bytes, other: bytes) -> bytes:
    value = bytearray(own)
    for at in chance.sample(range(len(own)), chance.randint(1, 3)):
        value[at] ^= 1 << chance.randrange(8)
    return bytes(value)


def _spliced(chance: random.Random, own: bytes, other: bytes) -> bytes:
    at = chance.randrange(len(own))
    return own[:at] + other[at:]


def _repeated(chance: random.Random, own: bytes, other: bytes) -> bytes:
    return own + chance.choice([own, other, own[-16:], b"\0"])


MUTATIONS = (_swapped, _cut, _flipped, _spliced, _repeated)


def mutate(times: int) -> None:
    """So many values that are not their cell's, and none of them opens."""
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    sealed = {cell: RING.seal(chance.randbytes(40), cell) for cell in CELLS}
    refusals = 0
    for _ in range(times):
        cell, other = chance.sample(CELLS, 2)
        value = chance.choice(MUTATIONS)(chance, sealed[cell], sealed[other])
        try:
            opened = RING.open(value, cell)
        except (Tampered, UnknownKey):
            refusals += 1
        else:
            assert (value, opened) == (sealed[cell], RING.open(sealed[cell], cell)), f"seed {seed}: {cell} opened"
    print(f"{refusals:,} of {times:,} refused; the others were no change")
    assert refusals > 0.98 * times


def test_mutations_are_refused() -> None:
    mutate(5_000)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_million_mutations_are_refused() -> None:
    mutate(1_000_000)


def test_the_same_text_never_looks_the_same() -> None:
    assert len({RING.seal(b"plain", CELL) for _ in range(1_000)}) == 1_000


def test_the_first_key_seals_and_all_open() -> None:
    old, new = new_key(), new_key()
    sealed = Keyring((old,)).seal(b"plain", CELL)
    both = Keyring((new, old))
    assert both.open(sealed, CELL) == b"plain"
    assert not sealed.startswith(both.head)
    anew = both.seal(b"plain", CELL)
    assert anew.startswith(both.head)
    assert Keyring((new,)).open(anew, CELL) == b"plain"
    with pytest.raises(UnknownKey) as caught:
        Keyring((new,)).open(sealed, CELL)
    assert caught.value.key_id == old.key_id.hex()


def test_a_key_is_written_and_read_in_either_alphabet_with_or_without_padding() -> None:
    for _ in range(50):
        key = new_key()
        for text in (key.text(), key.text().rstrip("="), base64.b64encode(key.material).decode(), f" {key.text()}\n"):
            assert Keyring.parse(text).open(Keyring((key,)).seal(b"plain", CELL), CELL) == b"plain"
    first, second = new_key(), new_key()
    for between in (",", ", ", "\n", ",\n", " ", "\r\n\n", ",,"):
        ring = Keyring.parse(f"{first.text()}{between}{second.text()}{between}")
        assert ring.head == Keyring((first,)).head
        assert ring.open(Keyring((second,)).seal(b"plain", CELL), CELL) == b"plain"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: ",",
        lambda text: text[:-2],
        lambda text: text + "AAAA",
        lambda text: text[:10] + " " + text[10:],
        lambda text: text[:10] + "!" + text[10:],
        lambda text: text[:10] + "é" + text[11:],
        lambda text: text[:10] + "\ud800" + text[11:],
        lambda text: "cAnArY",
        lambda text: f"{text},cAnArY",
        lambda text: base64.b64encode(b"only sixteen byt").decode(),
        lambda text: "=" * 44,
    ],
)
def test_a_damaged_key_is_refused_without_being_repeated(damage: object) -> None:
    assert callable(damage)
    text = new_key().text()
    with pytest.raises(KeyringError) as caught:
        Keyring.parse(damage(text))
    for shown in (str(caught.value), repr(caught.value), caught.value.problem):
        assert "cAnArY" not in shown
        assert text[:6] not in shown
    assert caught.value.__context__ is None


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_only_256_bits_are_a_key(length: int) -> None:
    with pytest.raises(KeyringError):
        Key(bytes(length))
    with pytest.raises(KeyringError):
        Keyring(())


def test_key_material_is_never_shown_copied_or_pickled() -> None:
    key = new_key()
    ring = Keyring((key,))
    secrets = {key.text(), key.text()[:8], key.material.hex(), repr(key.material)[2:10]}
    for shown in (repr(key), str(key), repr(ring), str(ring), f"{ring}", f"{ring!r:>80}"):
        assert not any(secret in shown for secret in secrets)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(ring)
    assert key.key_id.hex() in repr(ring)


def test_a_fingerprint_is_keyed() -> None:
    assert RING.fingerprint("token") == RING.fingerprint("token")
    assert RING.fingerprint("token") != RING.fingerprint("tokem")
    assert RING.fingerprint("token") != OTHER.fingerprint("token")
