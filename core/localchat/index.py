"""One state of one repository, searchable: an FTS5 table over chunks in a private temporary database.

The database has no name: SQLite keeps it in memory while it is small, spills it to an unlinked file when it is not, and
nothing of it outlives the process. An index never changes once it is built; a later state of the same repository starts
from a copy of it and reads only the files that differ.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from core.localchat.chunks import Chunk
from core.localchat.definitions import Definition
from core.localchat.languages import Kind

SCHEMA = """
CREATE TABLE file (id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, kind TEXT NOT NULL,
                   changed INTEGER NOT NULL, skip TEXT, text TEXT NOT NULL);
CREATE TABLE chunk (id INTEGER PRIMARY KEY, file INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
                    length INTEGER NOT NULL);
CREATE INDEX chunk_file ON chunk (file);
CREATE TABLE symbol (file INTEGER NOT NULL, name TEXT NOT NULL, line INTEGER NOT NULL, indent INTEGER NOT NULL,
                     scope TEXT NOT NULL);
CREATE INDEX symbol_file ON symbol (file, line);
CREATE INDEX symbol_name ON symbol (name);
CREATE TABLE left_out (path TEXT NOT NULL, skip TEXT NOT NULL);
CREATE VIRTUAL TABLE terms USING fts5 (path, names, body, tokenize = 'ascii');
INSERT INTO terms (terms, rank) VALUES ('rank', 'bm25(3.0, 3.0, 1.0)');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (terms, 'row');
"""

_SPILL_KIBIBYTES = 16_384


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that holds some of the terms asked for, with its own terms by field."""

    path: str
    kind: Kind
    chunk: Chunk
    path_terms: tuple[str, ...]
    name_terms: tuple[str, ...]
    body_terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Defined:
    """A definition and the file it stands in."""

    path: str
    definition: Definition


@dataclass(frozen=True, slots=True)
class Size:
    """How much an index holds. `average` is the mean number of terms in a chunk."""

    files: int
    chunks: int
    average: float


class Index:
    """Reads one built database; safe to use from several threads."""

    def __init__(self, database: sqlite3.Connection, *, state: str, commit: str, changed: bool) -> None:
        self.state = state
        self.commit = commit
        self.changed = changed  # the text read is not the commit's
        self._database = database
        self._lock = Lock()
        self._close = weakref.finalize(self, database.close)
        files, chunks, average = self._rows(
            "SELECT (SELECT count(*) FROM file WHERE skip IS NULL), count(*), coalesce(avg(length), 0) FROM chunk"
        )[0]
        self.size = Size(files, chunks, average)

    def close(self) -> None:
        """Frees the database. Without it, that happens with the last reference."""
        with self._lock:
            self._close()

    def copied_to(self, database: sqlite3.Connection) -> None:
        """Writes all of this index over an empty database."""
        with self._lock:
            self._database.backup(database)

    def _rows(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def frequencies(self, terms: Iterable[str]) -> dict[str, int]:
        """In how many chunks each term stands; terms that stand nowhere are left out."""
        wanted = json.dumps(sorted(set(terms)))
        return dict(
            self._rows("SELECT term, doc FROM vocabulary WHERE term IN (SELECT value FROM json_each(?))", (wanted,))
        )

    def candidates(self, terms: Iterable[str], limit: int, paths: Sequence[str] | None = None) -> list[Candidate]:
        """The chunks, of these files or of all, that hold any of the terms: at most `limit`, best by BM25 first."""
        wanted = " OR ".join(f'"{term}"' for term in sorted(set(terms)))
        if not wanted:
            return []
        rows = self._rows(
            "SELECT file.path, kind, first, last, terms.path, names, body FROM terms"
            " JOIN chunk ON chunk.id = terms.rowid JOIN file ON file.id = chunk.file"
            " WHERE terms MATCH ?1 AND (?2 IS NULL OR file.path IN (SELECT value FROM json_each(?2)))"
            " ORDER BY rank LIMIT ?3",
            (wanted, None if paths is None else json.dumps(paths), limit),
        )
        return [
            Candidate(path, Kind(kind), Chunk(first, last), *(tuple(field.split()) for field in fields))
            for path, kind, first, last, *fields in rows
        ]

    def lines(self, path: str) -> list[str]:
        """The lines of a file; empty where it is not in the index."""
        rows = self._rows("SELECT text FROM file WHERE path = ? AND skip IS NULL", (path,))
        return rows[0][0].split("\n") if rows and rows[0][0] else []

    def paths(self) -> list[str]:
        """Every file that was read, in order."""
        return [path for (path,) in self._rows("SELECT path FROM file WHERE skip IS NULL ORDER BY path")]

    def skipped(self) -> list[tuple[str, str]]:
        """Every tracked file that was not read, and why."""
        return self._rows(
            "SELECT path, skip FROM left_out UNION ALL SELECT path, skip FROM file WHERE skip IS NOT NULL ORDER BY path"
        )

    def defined_in(self, path: str) -> list[Definition]:
        """What a file defines, in order."""
        rows = self._rows(
            "SELECT name, line, indent, scope FROM symbol JOIN file ON file.id = symbol.file WHERE path = ?"
            " ORDER BY line",
            (path,),
        )
        return [Definition(*row) for row in rows]

    def defined_as(self, name: str) -> list[Defined]:
        """Every definition of exactly this name in code, tests last."""
        rows = self._rows(
            "SELECT path, name, line, indent, scope FROM symbol JOIN file ON file.id = symbol.file"
            " WHERE name = ? AND kind <> ? ORDER BY kind, path, line",
            (name, Kind.PROSE),
        )
        return [Defined(path, Definition(*rest)) for path, *rest in rows]

    def names_like(self, start: str, limit: int) -> list[str]:
        """Names defined in code that begin with `start`, in any case."""
        rows = self._rows(
            "SELECT DISTINCT name FROM symbol JOIN file ON file.id = symbol.file"
            " WHERE substr(name, 1, ?) = ? COLLATE NOCASE AND kind <> ? LIMIT ?",
            (len(start), start, Kind.PROSE, limit),
        )
        return [name for (name,) in rows]

    def containing(self, text: str) -> list[tuple[str, Kind]]:
        """The files in which the text stands literally, with their kinds."""
        rows = self._rows(
            "SELECT path, kind FROM file WHERE skip IS NULL AND instr(text, ?) > 0 ORDER BY path", (text,)
        )
        return [(path, Kind(kind)) for path, kind in rows]


def connect() -> sqlite3.Connection:
    """A new private temporary database without tables. Its user sees to it that one thread at a time is in it."""
    database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")  # nothing to roll back to: a failed build is thrown away
    database.execute("PRAGMA synchronous = OFF")
    database.execute(f"PRAGMA cache_size = -{_SPILL_KIBIBYTES}")
    return database
