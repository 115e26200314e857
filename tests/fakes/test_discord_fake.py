"""The fake Discord takes what Discord takes and fails the test that breaks a documented limit: its REST API."""

from __future__ import annotations

import io
import json
from typing import Any

import aiohttp
import discord
import pytest

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord_client import Server, button, logged_in, row
from tests.fakes.discord_values import CATEGORY

QUIET: dict[str, Any] = {"parse": []}
MESSAGES = "/channels/{channel_id}/messages"
CDN = "/attachments/{channel_id}/{file_id}/{name}"
MESSAGE = f"{MESSAGES}/{{message_id}}"


def path(server: Server, message: str = "") -> str:
    return f"/channels/{server.general.id}/messages" + (f"/{message}" if message else "")


async def test_discord_py_posts_edits_reads_and_deletes(server: Server) -> None:
    question = await server.fake.says(server.alice, server.general, "where is **x**?")
    async with logged_in(server.fake) as app:
        channel: Any = await app.fetch_channel(int(server.general.id))
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="Retry", custom_id="retry:1"))
        reply = await channel.send(
            "in y",
            view=view,
            suppress_embeds=True,
            reference=channel.get_partial_message(int(question.id)),
            mention_author=False,
            file=discord.File(io.BytesIO(b"# long"), filename="answer.md"),
        )
        thread = await channel.get_partial_message(int(question.id)).create_thread(name="x")
        await thread.send("in the thread")
        await reply.edit(content="in z", view=None, suppress=True)  # else it would unset the flag
        assert [each.content async for each in channel.history()] == ["in z", "where is **x**?"]
        async with channel.typing():
            pass
        gone = await channel.send("never mind")
        await gone.delete()
    shown = server.fake.posts(server.general)
    assert [each.content for each in shown] == ["where is **x**?", "in z"]
    assert shown[1].reference is shown[0]
    assert shown[1].buttons == {}
    assert shown[1].attachments[0].content == b"# long"
    assert shown[1].flags == 4
    opened = server.fake.thread_of(question)
    assert opened
    assert opened.id == question.id
    assert [each.content for each in server.fake.answers(opened)] == ["in the thread"]
    assert server.fake.invalid == []


async def test_who_the_bot_is_and_who_is_there(server: Server) -> None:
    async with logged_in(server.fake) as app:
        me = await app.application_info()
        assert (str(me.id), me.flags.gateway_message_content_limited) == (server.fake.application_id, True)
        guild = await app.fetch_guild(int(server.acme.id))
        assert [each.name for each in guild.roles] == ["@everyone", "askrepo"]
        member = await guild.fetch_member(int(server.alice.id))
        assert member.name == "alice"
        stranger = server.fake.user(None, "bob")
        with pytest.raises(discord.NotFound, match="10007"):
            await guild.fetch_member(int(stranger.id))
        assert (await app.fetch_user(int(stranger.id))).name == "bob"
        for nobody in (app.fetch_user, guild.fetch_member):
            with pytest.raises(discord.NotFound, match="10013"):
                await nobody(123456789012345678)
        direct = await member.create_dm()
        await direct.send("psst")
    assert [each.content for each in server.fake.posts(server.fake.dm(server.alice))] == ["psst"]


LONG = "x" * 2_001
SELECT = {"type": 3, "custom_id": "s", "options": [{"label": "a", "value": "a"}]}
INPUT = {"type": 4, "custom_id": "i", "style": 1, "label": "of forms only"}
DISPLAY = {"type": 10, "content": "of Components V2 only"}
V2 = 1 << 15
WRONG: list[tuple[int, dict[str, Any]]] = [
    (50006, {"content": ""}),
    (50006, {"content": "  \n"}),
    (50006, {}),
    (50035, {"content": LONG}),
    (50035, {"content": 5}),
    (50035, {"content": "t", "colour": "red"}),
    (50035, {"content": "t", "tts": "no"}),
    (50035, {"content": "t", "embeds": 5}),
    (50035, {"content": "t", "embeds": [5]}),
    (50035, {"content": "t", "nonce": "n" * 26}),
    (50035, {"content": "t", "flags": 64}),
    (50035, {"content": "t", "flags": 1 << 5}),
    (50035, {"content": "t", "flags": 1 << 15}),
    (50035, {"content": "t", "embeds": [{"title": "x" * 257}]}),
    (50035, {"content": "t", "embeds": [{"description": "x" * 4_000}, {"description": "x" * 2_001}]}),
    (50035, {"content": "t", "embeds": [{"title": "t"}] * 11}),
    (50035, {"content": "t", "components": [row(button())] * 2}),
    (50035, {"content": "t", "components": [row(button(str(at))) for at in range(6)]}),
    (50035, {"content": "t", "components": [row(*(button(str(at)) for at in range(6)))]}),
    (50035, {"content": "t", "components": [row()]}),
    (50035, {"content": "t", "components": [button()]}),
    (50035, {"content": "t", "components": [row(button("x" * 101))]}),
    (50035, {"content": "t", "components": [row(button(""))]}),
    (50035, {"content": "t", "components": [row(button(label="x" * 81))]}),
    (50035, {"content": "t", "components": [row(button(label=""))]}),
    (50035, {"content": "t", "components": [row(button(url="https://example.org"))]}),
    (50035, {"content": "t", "components": [row({"type": 2, "style": 5, "label": "x", "custom_id": "y"})]}),
    (50035, {"content": "t", "components": [row(button(colour="red"))]}),
    (50035, {"content": "t", "components": [row(SELECT, button())]}),
    (50035, {"content": "t", "components": [row({**SELECT, "options": []})]}),
    (50035, {"content": "t", "components": [row(INPUT)]}),
    (50035, {"content": "t", "components": [DISPLAY]}),
    (50035, {"flags": V2, "components": [{**DISPLAY, "content": "x" * 2_001}] * 2}),
    (50035, {"flags": V2, "components": [row(*(button(f"{at}.{n}") for n in range(5))) for at in range(7)]}),
    (50035, {"flags": V2, "components": [{"type": 17, "components": []}]}),
    (50035, {"flags": V2, "components": [{"type": 17, "components": [button()]}]}),
    (50035, {"flags": V2, "components": [INPUT]}),
    (50035, {"flags": V2, "components": [DISPLAY], "embeds": [{"title": "t"}]}),
    (50035, {"content": "t", "allowed_mentions": {"parse": ["users"], "users": ["1" * 17]}}),
    (50035, {"content": "t", "allowed_mentions": {"parse": ["all"]}}),
    (50035, {"content": "t", "message_reference": {"message_id": "1" * 17}}),
    (50035, {"content": "t", "message_reference": {"message_id": "MESSAGE", "channel_id": "1" * 17}}),
    (50035, {"content": "t", "attachments": [{"id": "0", "filename": "no such part"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "body"), WRONG)
async def test_a_body_that_is_wrong_is_refused_and_fails_the_test(
    server: Server, code: int, body: dict[str, Any]
) -> None:
    message = await server.posted()
    sent = json.loads(json.dumps({"allowed_mentions": QUIET, **body}).replace("MESSAGE", message.id))
    status, answer = await server.call("POST", path(server), sent)
    assert (status, answer["code"]) == (400, code)
    assert ("errors" in answer) == (code == 50035)
    assert [(each.code, each.where) for each in server.fake.violations] == [(code, f"POST {MESSAGES}")]
    server.fake.allows(code)
    assert server.fake.violations == []


async def test_a_body_that_is_no_object(server: Server) -> None:
    assert await server.refused("POST", path(server), []) == (400, 50035)
    form = aiohttp.FormData({"content": "not in payload_json"})
    form.add_field("files[0]", io.BytesIO(b"x"), filename="a.md")
    headers = {"Authorization": f"Bot {server.fake.token}", "User-Agent": "DiscordBot (https://example.org, 1)"}
    async with server.http.post(server.fake.api_url + path(server), data=form, headers=headers) as response:
        assert (await response.json())["code"] == 50035
    server.fake.allows(50035)


async def test_an_error_names_the_field(server: Server) -> None:
    body = {"content": "t", "allowed_mentions": QUIET, "components": [row(button(), button("b", label="x" * 81))]}
    _, answer = await server.call("POST", path(server), body)
    assert answer["errors"]["components"]["0"]["components"]["1"]["label"]["_errors"][0]["message"]
    server.fake.allows(50035)


async def test_the_limits_themselves_are_allowed(server: Server) -> None:
    rows = [row(*(button(f"{at}.{n}" + "x" * 90, "l" * 80) for n in range(5))) for at in range(5)]
    message = await server.posted(content="x" * 2_000, components=rows, nonce="n" * 25, enforce_nonce=True, flags=4)
    assert len(message.buttons) == 1
    assert [len(each["components"]) for each in message.components] == [5] * 5
    embeds = [{"title": "x" * 256, "fields": [{"name": "n", "value": "v" * 1_024}] * 5}]
    await server.posted(embeds=embeds)
    v2 = [{"type": 17, "components": [{"type": 10, "content": "x" * 4_000}, row(button())]}]
    body = {"components": v2, "flags": 1 << 15, "allowed_mentions": QUIET}
    status, answer = await server.call("POST", path(server), body)
    assert status == 200
    for flags in (0, 4):  # what it is made of cannot be changed
        assert await server.refused("PATCH", path(server, answer["id"]), {"flags": flags}) == (400, 50035)
    server.fake.allows(50035)


async def test_leaving_with_a_violation_raises() -> None:
    fake = FakeDiscord()
    await fake.start()
    async with aiohttp.ClientSession() as http:
        bare = Server(fake, acme := fake.guild(), fake.user(acme), fake.channel(acme), http)
        assert await bare.refused("GET", "/channels/general/massages") == (404, 0)
    with pytest.raises(AssertionError, match=r"GET /channels/general/massages: 0"):
        await fake.__aexit__(None, None, None)


async def test_every_body_says_that_it_pings_nobody(server: Server) -> None:
    status, _ = await server.call("POST", path(server), {"content": "hello"})
    assert status == 200
    assert [each.code for each in server.fake.violations] == ["allowed_mentions_missing"]
    server.fake.allows("allowed_mentions_missing")
    message = await server.posted()
    await server.call("PATCH", path(server, message.id), {"components": []})
    assert server.fake.violations == []  # nothing in it that could ping
    server.fake._allowed.clear()
    assert len(server.fake.violations) == 1
    server.fake._broken.clear()


PINGS: list[tuple[str, dict[str, Any], bool]] = [
    ("ALICE hello", {"parse": ["users"]}, True),
    ("ALICE hello", {"users": ["ALICE_ID"]}, True),
    ("ALICE hello", QUIET, False),
    ("`ALICE` and ```\nALICE\n```", {"parse": ["users"]}, False),
    ("@everyone", {"parse": ["everyone"]}, False),  # the bot lacks the permission
    ("nobody", {"parse": ["users", "roles", "everyone"]}, False),
]


@pytest.mark.parametrize(("words", "allowed", "pings"), PINGS)
async def test_a_message_that_notifies_somebody_fails_the_test(
    server: Server, words: str, allowed: dict[str, Any], pings: bool
) -> None:
    text = words.replace("ALICE", str(server.alice))
    named = json.loads(json.dumps(allowed).replace("ALICE_ID", server.alice.id))
    await server.posted(content=text, allowed_mentions=named)
    assert [each.code for each in server.fake.violations] == (["ping"] if pings else [])
    server.fake.may_ping.add(server.alice.id)
    await server.posted(content=text, allowed_mentions=named)
    server.fake.allows("ping")


async def test_roles_everyone_and_the_answered_are_notified_too(server: Server) -> None:
    fake = server.fake
    fake.allows("ping")
    role = fake.role(server.acme, "team", mentionable=True)
    await server.posted(content=f"{role}", allowed_mentions={"parse": ["roles"]})
    server.acme.everyone.permissions |= 1 << 17
    await server.posted(content="@here", allowed_mentions={"parse": ["everyone"]})
    question = await fake.says(server.alice, server.general, "?")
    await server.posted(message_reference={"message_id": question.id})
    await server.posted(message_reference={"message_id": question.id}, allowed_mentions={"replied_user": True})
    assert [each.detail for each in fake._broken] == [role.id, "everyone", server.alice.id]


async def test_one_message_for_one_nonce(server: Server) -> None:
    one = await server.posted(content="one", nonce="n1", enforce_nonce=True)
    again = await server.posted(content="two", nonce="n1", enforce_nonce=True)
    assert again is one
    server.fake.advance(server.fake.nonce_seconds)
    assert await server.posted(content="three", nonce="n1", enforce_nonce=True) is not one
    assert await server.posted(content="four", nonce="n1") is not one
    assert [each.content for each in server.fake.answers(server.general)] == ["one", "three", "four"]


async def test_where_the_bot_may_do_what(server: Server) -> None:
    fake, general = server.fake, server.general
    body = {"content": "t", "allowed_mentions": QUIET}
    message = await server.posted()
    question = await fake.says(server.alice, general, "?")
    for permission, method, what, sent, code in (
        ("SEND_MESSAGES", "POST", "", body, 50013),
        ("SEND_MESSAGES", "POST", "/../typing", None, 50013),
        ("EMBED_LINKS", "POST", "", {**body, "embeds": [{"title": "t"}]}, 50013),
        ("READ_MESSAGE_HISTORY", "GET", f"/{message.id}", None, 50013),
        ("READ_MESSAGE_HISTORY", "POST", "", {**body, "message_reference": {"message_id": question.id}}, 160002),
        ("CREATE_PUBLIC_THREADS", "POST", f"/{question.id}/threads", {"name": "x"}, 50013),
        ("VIEW_CHANNEL", "POST", "", body, 50001),
        ("VIEW_CHANNEL", "PATCH", f"/{message.id}", body, 50001),
        ("VIEW_CHANNEL", "GET", "", None, 50001),
    ):
        await fake.denies(general, permission)
        assert (await server.refused(method, (path(server) + what).replace("messages/../", ""), sent))[1] == code
        await fake.grants(general, permission)
    await fake.denies(general, "READ_MESSAGE_HISTORY")
    assert await server.call("GET", path(server)) == (200, [])
    hidden = fake.channel(server.acme, "hidden", private=True, readers=[server.alice])
    await server.posted(hidden)
    await fake.denies(hidden, "VIEW_CHANNEL")
    assert await server.refused("GET", f"/channels/{hidden.id}") == (403, 50001)
    await fake.deletes_channel(hidden)
    assert await server.refused("GET", f"/channels/{hidden.id}") == (404, 10003)
    assert fake.violations == []


async def test_permissions_are_added_up_as_discord_does(server: Server) -> None:
    fake, acme = server.fake, server.acme
    category = fake.channel(acme, "secret things", type=CATEGORY, private=True)
    inside = fake.channel(acme, "inside", parent=category)
    await server.posted(inside)
    await fake.denies(inside, "SEND_MESSAGES", who=acme.everyone)
    assert await server.refused("POST", f"/channels/{inside.id}/messages", {"content": "t"}) == (403, 50013)
    role = next(each for each in acme.roles.values() if each.bot)
    await fake.grants(inside, "SEND_MESSAGES", who=role)
    await server.posted(inside)
    await fake.denies(inside, "SEND_MESSAGES")
    assert await server.refused("POST", f"/channels/{inside.id}/messages", {"content": "t"}) == (403, 50013)
    await fake.changes_role(acme, role, "ADMINISTRATOR")
    await server.posted(inside)


async def test_whose_message_may_be_changed(server: Server) -> None:
    question = await server.fake.says(server.alice, server.general, "?")
    body = {"content": "t", "allowed_mentions": QUIET}
    assert await server.refused("PATCH", path(server, question.id), body) == (403, 50005)
    assert await server.refused("DELETE", path(server, question.id)) == (403, 50013)
    assert await server.refused("PATCH", path(server, "1" * 18), body) == (404, 10008)
    assert await server.refused("GET", path(server, "one")) == (400, 50035)
    server.fake.allows(50005, 50035)


async def test_an_edit_leaves_what_it_does_not_name(server: Server) -> None:
    message = await server.posted(components=[row(button())], flags=4)
    await server.call("PATCH", path(server, message.id), {"content": "second", "allowed_mentions": QUIET})
    assert (message.content, message.buttons, message.flags) == ("second", {"Go": "go:1"}, 4)
    await server.call("PATCH", path(server, message.id), {"components": []})
    assert (message.content, message.buttons) == ("second", {})
    assert await server.refused("PATCH", path(server, message.id), {"content": ""}) == (400, 50006)
    server.fake.allows(50006)


async def test_edits_of_an_old_message_are_limited(server: Server) -> None:
    message, body = await server.posted(), {"content": "t", "allowed_mentions": QUIET}
    server.fake.limits.on = False
    server.fake.old_edits = 2
    server.fake.advance(3_601)
    assert (await server.call("PATCH", path(server, message.id), body))[0] == 200
    assert (await server.call("PATCH", path(server, message.id), body))[0] == 200
    assert await server.refused("PATCH", path(server, message.id), body) == (429, 30046)


async def test_pages_of_a_history(server: Server) -> None:
    sent = [await server.fake.says(server.alice, server.general, str(at)) for at in range(5)]

    async def page(query: str) -> list[str]:
        status, answer = await server.call("GET", f"{path(server)}?{query}")
        assert status == 200
        return [each["content"] for each in answer]

    assert await page("limit=2") == ["4", "3"]
    assert await page(f"limit=2&before={sent[3].id}") == ["2", "1"]
    assert await page(f"limit=2&after={sent[0].id}") == ["2", "1"]
    assert await page(f"limit=3&around={sent[2].id}") == ["3", "2", "1"]
    for wrong in ("limit=101", "limit=all", "before=1&after=1", "before=yesterday"):
        assert await server.refused("GET", f"{path(server)}?{wrong}") == (400, 50035)
    server.fake.allows(50035)


async def test_which_files_are_refused(server: Server) -> None:
    server.fake.limits.on = False
    body = {"content": "t", "allowed_mentions": QUIET}
    wrong: list[tuple[int, list[tuple[str, bytes]]]] = [
        (40005, [("files[0]", b"x" * ((10 << 20) + 1))]),
        (50035, [(f"files[{at}]", b"x") for at in range(11)]),
        (50035, [("file", b"x")]),
        (50035, [("files[one]", b"x")]),
    ]
    for code, parts in wrong:
        _, answer = await server.upload(path(server), body, *parts)
        assert answer["code"] == code
    old = await server.posted()
    await server.fake.denies(server.general, "ATTACH_FILES")
    assert (await server.upload(path(server), body, ("files[0]", b"x")))[1]["code"] == 50013
    refused = await server.upload(path(server, old.id), body, ("files[0]", b"x"), method="PATCH")
    assert refused[1]["code"] == 50013
    server.fake.allows(40005, 50035)
    await server.fake.grants(server.general, "ATTACH_FILES")
    _, answer = await server.upload(path(server), body, ("files[0]", b"x"))
    message = server.general.messages[answer["id"]]
    assert [each.content for each in message.attachments] == [b"x"]
    await server.call("PATCH", path(server, message.id), {"attachments": []})
    assert message.attachments == []


async def test_who_can_be_written_to_directly(server: Server) -> None:
    fake = server.fake
    for person, open_, code in ((server.alice, False, 50007), (fake.user(None, "bob"), True, 50278)):
        person.dms_open = open_
        _, channel = await server.call("POST", "/users/@me/channels", {"recipient_id": person.id})
        body = {"content": "psst", "allowed_mentions": QUIET}
        assert (await server.refused("POST", f"/channels/{channel['id']}/messages", body))[1] == code
    for recipient, refusal in (("1" * 18, (404, 10013)), (fake.user(None, "other", bot=True).id, (403, 50007))):
        assert await server.refused("POST", "/users/@me/channels", {"recipient_id": recipient}) == refusal
    assert await server.refused("POST", "/users/@me/channels", {"recipient_id": "alice"}) == (400, 50035)
    fake.allows(50035)


async def test_the_content_is_hidden_without_the_privilege(server: Server) -> None:
    fake = server.fake
    fake.message_content = False
    await fake.says(server.alice, server.general, "for others")
    await fake.says(server.alice, server.general, f"{fake.bot} for us")
    _, shown = await server.call("GET", path(server))
    assert [each["content"] for each in shown] == [f"{fake.bot} for us", ""]
