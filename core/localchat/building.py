"""From a listing of files to an index of their text."""

from __future__ import annotations

import sqlite3
from threading import Event

from core.errors import AskrepoError
from core.localchat import blobs, chunks, definitions, index, languages, terms
from core.localchat.blobs import Text
from core.localchat.index import Index
from core.localchat.listing import Entry, Listing, Skip, staged


class BuildStopped(AskrepoError):
    """The process that would use this index is shutting down."""


def build(listing: Listing, previous: Index | None, stop: Event) -> Index:
    """An index of exactly what is listed. Files that `previous` holds unchanged are not read again.

    Blocking, about half a second a megabyte. Raises BuildStopped soon after `stop` is set, git.GitMissing, GitFailed.
    """
    database = index.connect()
    try:
        if previous is None:
            database.executescript(index.SCHEMA)
        else:
            previous.copied_to(database)
        database.execute("BEGIN")
        _forget(database, listing)
        known = {path for (path,) in database.execute("SELECT path FROM file")}
        for item in blobs.texts(listing, [entry for entry in listing.entries if entry.path not in known]):
            if stop.is_set():
                raise BuildStopped("stopped")
            if isinstance(item, Text):
                _add(database, item)
            else:
                _skip(database, *item)
        database.executemany("INSERT INTO left_out VALUES (?, ?)", listing.skipped)
        database.execute("COMMIT")
        changed = _changed(database, listing)
    except BaseException:
        database.close()
        raise
    return Index(database, state=listing.state, commit=listing.place.commit, changed=changed)


def _forget(database: sqlite3.Connection, listing: Listing) -> None:
    """Removes the files that are gone or differ from what is listed now."""
    stamps = {entry.path: entry.stamp for entry in listing.entries}
    rows = database.execute("SELECT id, path, stamp FROM file").fetchall()
    for number, path, stamp in rows:
        if stamps.get(path) != stamp:
            database.execute("DELETE FROM terms WHERE rowid IN (SELECT id FROM chunk WHERE file = ?)", (number,))
            database.execute("DELETE FROM chunk WHERE file = ?", (number,))
            database.execute("DELETE FROM symbol WHERE file = ?", (number,))
            database.execute("DELETE FROM file WHERE id = ?", (number,))
    database.execute("DELETE FROM left_out")


def _add(database: sqlite3.Connection, text: Text) -> None:
    entry, lines = text.entry, text.lines
    language = languages.language(entry.path)
    found = definitions.find(lines, language)
    number = database.execute(
        "INSERT INTO file (path, stamp, kind, changed, text) VALUES (?, ?, ?, ?, ?)",
        (entry.path, entry.stamp, languages.kind(entry.path), text.changed, "\n".join(lines)),
    ).lastrowid
    database.executemany(
        "INSERT INTO symbol VALUES (?, ?, ?, ?, ?)",
        [(number, one.name, one.line, one.indent, one.scope) for one in found],
    )
    path_terms = terms.of_text(entry.path)
    for chunk in chunks.cut(lines, found):
        named = [one for one in found if chunk.first <= one.line <= chunk.last]
        name_terms = [term for one in named for term in terms.of_text(one.title)]
        body_terms = terms.of_lines(lines[chunk.first - 1 : chunk.last], language)
        row = database.execute(
            "INSERT INTO chunk (file, first, last, length) VALUES (?, ?, ?, ?)",
            (number, chunk.first, chunk.last, len(path_terms) + len(name_terms) + len(body_terms)),
        ).lastrowid
        database.execute(
            "INSERT INTO terms (rowid, path, names, body) VALUES (?, ?, ?, ?)",
            (row, " ".join(path_terms), " ".join(name_terms), " ".join(body_terms)),
        )


def _skip(database: sqlite3.Connection, entry: Entry, why: Skip) -> None:
    database.execute(
        "INSERT INTO file (path, stamp, kind, changed, skip, text) VALUES (?, ?, ?, 0, ?, '')",
        (entry.path, entry.stamp, languages.kind(entry.path), why),
    )


def _changed(database: sqlite3.Connection, listing: Listing) -> bool:
    gone = not listing.place.bare and any(why is Skip.GONE for _, why in listing.skipped)
    (changed,) = database.execute("SELECT EXISTS (SELECT 1 FROM file WHERE changed)").fetchone()
    return gone or bool(changed) or staged(listing.place)
