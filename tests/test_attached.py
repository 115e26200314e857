"""The files that come with a question: one that cannot be had is named, and nobody waits for it."""

from __future__ import annotations

from bots.attached import File, texts
from core.errors import DeliveryFailed

LOG, PICTURE, NOTES = File("1", "log.txt"), File("2", "picture.png"), File("3", "notes.txt")


async def test_a_file_that_cannot_be_fetched_is_skipped_and_the_others_are_read() -> None:
    asked: list[str] = []

    async def content(file: File) -> str | None:
        asked.append(file.name)
        if file is LOG:
            raise DeliveryFailed("a file: ClientConnectorError")
        return None if file is PICTURE else "read"

    found, skipped = await texts([LOG, PICTURE, NOTES], 0, content)
    assert skipped == ["log.txt", "picture.png"]
    assert found == ["Attached file `notes.txt`:\n\n```\nread\n```"]
    assert asked.count("log.txt") == 2


async def test_a_file_that_is_had_at_the_second_try_is_read() -> None:
    failures = [DeliveryFailed("a file: TimeoutError")]

    async def content(file: File) -> str:
        if failures:
            raise failures.pop()
        return file.name

    assert await texts([NOTES], 0, content) == (["Attached file `notes.txt`:\n\n```\nnotes.txt\n```"], [])
