"""The threads of the fake Discord: from messages, alone, as posts of a forum; archived, locked, private."""

from __future__ import annotations

from typing import Any

from tests.fakes.discord_client import Server
from tests.fakes.discord_values import ANNOUNCEMENT, FORUM, REQUIRE_TAG, VOICE

QUIET: dict[str, Any] = {"parse": []}


def path(server: Server, message: str = "") -> str:
    return f"/channels/{server.general.id}/messages" + (f"/{message}" if message else "")


async def test_one_thread_for_one_message(server: Server) -> None:
    fake = server.fake
    thread = await server.thread()
    assert await server.refused("POST", path(server, f"{thread.id}/threads"), {"name": "x"}) == (400, 160004)
    nested = await server.posted(thread)
    assert await server.refused("POST", f"/channels/{thread.id}/messages/{nested.id}/threads", {"name": "x"}) == (
        400,
        50024,
    )
    question = await fake.says(server.alice, server.general, "?")
    for wrong in ({"name": ""}, {"name": "x" * 101}, {"name": "x", "auto_archive_duration": 61}, {}):
        assert await server.refused("POST", path(server, f"{question.id}/threads"), wrong) == (400, 50035)
    fake.allows(50035, 50024)
    fake.active_threads = 1
    assert await server.refused("POST", path(server, f"{question.id}/threads"), {"name": "x"}) == (400, 160006)
    await fake.deletes(server.general.messages[thread.id])
    assert (await server.posted(thread)).channel is thread  # it lives on
    await fake.deletes_channel(thread)
    another = await server.thread()
    await fake.deletes_channel(another)
    assert (await server.call("POST", path(server, f"{another.id}/threads"), {"name": "again"}))[0] == 201


async def test_archived_and_locked_threads(server: Server) -> None:
    fake, thread = server.fake, await server.thread()
    message, body = await server.posted(thread), {"content": "t", "allowed_mentions": QUIET}
    here = f"/channels/{thread.id}/messages"
    await fake.archives(thread)
    assert await server.refused("PATCH", f"{here}/{message.id}", body) == (400, 50083)
    before = thread.archived
    await server.posted(thread)
    assert (before, thread.archived) == (True, False)
    await fake.locks(thread)
    assert await server.refused("POST", here, body) == (400, 160005)
    await fake.locks(thread, archived=False)
    assert await server.refused("PATCH", f"{here}/{message.id}", body) == (400, 160005)
    await fake.unlocks(thread)
    assert (await server.call("PATCH", f"{here}/{message.id}", body))[0] == 200
    await fake.denies(server.general, "SEND_MESSAGES")
    await server.posted(thread)  # SEND_MESSAGES has no effect in a thread
    await fake.denies(server.general, "SEND_MESSAGES_IN_THREADS")
    assert await server.refused("POST", here, body) == (403, 50013)
    assert fake.violations == []


async def test_private_threads_exist_for_their_members(server: Server) -> None:
    fake = server.fake
    secret = await fake.opens_thread(server.alice, server.general, "secret", private=True)
    assert await server.refused("GET", f"/channels/{secret.id}") == (403, 50001)
    await fake.says(server.alice, secret, f"{fake.bot} come in")
    assert (await server.call("GET", f"/channels/{secret.id}"))[0] == 200
    assert (await server.call("GET", f"/channels/{secret.id}/thread-members/{server.alice.id}"))[0] == 200


async def test_posts_of_a_forum(server: Server) -> None:
    fake = server.fake
    forum = fake.channel(server.acme, "help", type=FORUM, flags=REQUIRE_TAG, tags=["bug"])
    assert await server.refused("POST", f"/channels/{forum.id}/messages", {"content": "t"}) == (400, 50008)
    first = {"content": "first", "allowed_mentions": QUIET}
    post = {"name": "a post", "message": first}
    assert await server.refused("POST", f"/channels/{forum.id}/threads", post) == (400, 40067)
    fake.allows(50008, 40067)
    tagged = {**post, "applied_tags": [forum.tags[0]["id"]]}
    status, answer = await server.call("POST", f"/channels/{forum.id}/threads", tagged)
    assert (status, answer["id"], answer["parent_id"]) == (201, answer["message"]["id"], forum.id)
    theirs = await fake.opens_post(server.alice, forum, "another", "why?", tags=["bug"])
    assert await server.refused("POST", f"/channels/{forum.id}/messages/{theirs.id}/threads", {"name": "x"}) == (
        400,
        50024,
    )
    fake.allows(50024)
    await fake.denies(forum, "SEND_MESSAGES")
    assert await server.refused("POST", f"/channels/{forum.id}/threads", tagged) == (403, 50013)


async def test_threads_without_a_message(server: Server) -> None:
    status, answer = await server.call("POST", f"/channels/{server.general.id}/threads", {"name": "x", "type": 11})
    assert (status, answer["type"]) == (201, 11)
    status, answer = await server.call("POST", f"/channels/{server.general.id}/threads", {"name": "x"})
    assert (status, answer["type"]) == (201, 12)  # private, unless one asks for another
    await server.fake.denies(server.general, "CREATE_PUBLIC_THREADS", "CREATE_PRIVATE_THREADS")
    for kind in (11, 12):
        body = {"name": "x", "type": kind}
        assert await server.refused("POST", f"/channels/{server.general.id}/threads", body) == (403, 50013)
    news = server.fake.channel(server.acme, "news", type=ANNOUNCEMENT)
    message = await server.posted(news)
    status, answer = await server.call("POST", f"/channels/{news.id}/messages/{message.id}/threads", {"name": "x"})
    assert (status, answer["type"]) == (201, 10)
    assert [each.type for each in server.general.messages.values()] == [18]


async def test_archives_of_a_channel(server: Server) -> None:
    threads = [await server.thread(str(at)) for at in range(4)]
    for thread in threads[:3]:
        await server.fake.archives(thread)
    public = f"/channels/{server.general.id}/threads/archived/public"
    _, two = await server.call("GET", f"{public}?limit=2")
    assert ([each["name"] for each in two["threads"]], two["has_more"]) == (["2", "1"], True)
    server.fake.allows(50024, 50035)
    for wrong in (1, 101):
        assert await server.refused("GET", f"{public}?limit={wrong}") == (400, 50035)
    voice = server.fake.channel(server.acme, "talk", type=VOICE)
    assert await server.refused("GET", f"/channels/{voice.id}/threads/archived/public") == (400, 50024)
    private = f"/channels/{server.general.id}/threads/archived/private"
    assert await server.refused("GET", private) == (403, 50013)
    await server.fake.grants(server.general, "MANAGE_THREADS")
    assert (await server.call("GET", private))[1]["threads"] == []
    _, active = await server.call("GET", f"/guilds/{server.acme.id}/threads/active")
    assert [each["name"] for each in active["threads"]] == ["3"]
    assert active["members"][0]["user_id"] == server.fake.bot.id


async def test_where_no_thread_can_be_started(server: Server) -> None:
    fake = server.fake
    news = fake.channel(server.acme, "news", type=ANNOUNCEMENT)
    lounge = fake.channel(server.acme, "lounge", type=VOICE)
    for place, body in (
        (lounge, {"name": "x"}),
        (news, {"name": "x", "type": 11}),
        (server.general, {"name": "x", "type": 10}),
    ):
        assert await server.refused("POST", f"/channels/{place.id}/threads", body) == (400, 50024)
    forum = fake.channel(server.acme, "help", type=FORUM)
    post = {"name": "x", "message": {"content": "t", "allowed_mentions": QUIET}, "applied_tags": ["1" * 18]}
    assert await server.refused("POST", f"/channels/{forum.id}/threads", post) == (400, 50035)
    fake.allows(50024, 50035)


async def test_who_may_change_a_thread(server: Server) -> None:
    fake, own = server.fake, await server.thread()
    fake.limits.on = False
    here = f"/channels/{own.id}"
    assert (await server.call("PATCH", here, {"name": "renamed", "archived": True}))[1]["name"] == "renamed"
    assert await server.refused("PATCH", here, {"name": "again"}) == (400, 50083)
    assert (await server.call("PATCH", here, {"archived": False}))[0] == 200
    assert await server.refused("PATCH", here, {"locked": True}) == (403, 50013)
    await fake.locks(own, archived=False)
    assert await server.refused("PATCH", here, {"name": "again"}) == (400, 160005)
    theirs = await fake.opens_thread(server.alice, server.general)
    for other in (theirs, server.general):
        assert await server.refused("PATCH", f"/channels/{other.id}", {"name": "ours"}) == (403, 50013)
    await fake.grants(server.general, "MANAGE_THREADS")
    assert (await server.call("PATCH", f"/channels/{theirs.id}", {"locked": True}))[0] == 200
    assert theirs.thread
    assert theirs.thread.locked


async def test_members_of_a_thread(server: Server) -> None:
    fake = server.fake
    thread = await fake.opens_thread(server.alice, server.general)
    assert thread.thread
    me = f"/channels/{thread.id}/thread-members/@me"
    assert (await server.call("PUT", me))[0] == 204
    assert fake.bot.id in thread.thread.members
    assert (await server.call("DELETE", me))[0] == 204
    assert await server.refused("GET", f"/channels/{thread.id}/thread-members/{fake.bot.id}") == (404, 10007)
    await fake.archives(thread)
    for method in ("PUT", "DELETE"):
        assert await server.refused(method, me) == (400, 50083)
        assert await server.refused(method, f"/channels/{server.general.id}/thread-members/@me") == (400, 50024)
    fake.allows(50024)
