"""The fake Slack takes what Slack takes and fails the test that breaks a documented limit: its Web API."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.conftest import House
from tests.fakes.slack import FakeSlack


def refused(error: str) -> Any:
    return pytest.raises(SlackApiError, match=f"'error': '{error}'")


def markdown(text: str) -> dict[str, Any]:
    return {"type": "markdown", "text": text}


def button(action_id: str = "retry", text: str = "Retry", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": text}, **more}


def actions(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


async def test_posts_threads_updates_and_deletes(house: House) -> None:
    root = await house.posted()
    kept = {"event_type": "askrepo_answer", "event_payload": {"turn": "1"}}
    body: dict[str, Any] = {"blocks": [markdown("**second** & <b>"), actions(button())], "metadata": kept}
    second = await house.client.chat_postMessage(channel=house.general.id, text="second", thread_ts=root, **body)
    await house.client.chat_update(channel=house.general.id, ts=second["ts"], text="third", blocks=[markdown("third")])
    shown = house.slack.thread(house.general, root)
    assert [message.shown for message in shown] == ["first", "third"]
    assert shown[1].metadata == kept
    replies = await house.client.conversations_replies(channel=house.general.id, ts=root, include_all_metadata=True)
    assert [message["text"] for message in replies["messages"]] == ["first", "third"]
    assert replies["messages"][1]["metadata"] == kept
    assert replies["messages"][0]["thread_ts"] == root
    await house.client.chat_delete(channel=house.general.id, ts=second["ts"])
    assert len(house.slack.thread(house.general, root)) == 1
    assert [call.method for call in house.slack.calls if call.ok][-1] == "chat.delete"


async def test_pages_of_a_thread(house: House) -> None:
    root = await house.posted()
    for _ in range(3):
        await house.posted(thread_ts=root)
    one = await house.client.conversations_replies(channel=house.general.id, ts=root, limit=3)
    two = await house.client.conversations_replies(
        channel=house.general.id, ts=root, limit=3, cursor=one["response_metadata"]["next_cursor"]
    )
    assert (one["has_more"], two["has_more"]) == (True, False)
    assert [each["ts"] for each in [*one["messages"], *two["messages"]]] == [
        each.ts for each in house.slack.posts(house.general)
    ]


async def test_only_the_one_sees_an_ephemeral(house: House) -> None:
    await house.client.chat_postEphemeral(channel=house.general.id, user=house.alice.id, text="psst")
    assert [each.text for each in house.slack.ephemerals(house.general, house.alice)] == ["psst"]
    assert house.slack.posts(house.general) == []
    stranger = house.slack.user(house.team, "bob")
    with refused("user_not_in_channel"):
        await house.client.chat_postEphemeral(channel=house.general.id, user=stranger.id, text="psst")


LONG = "x" * 12_001
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "t"}}
TABLE = {"type": "table", "rows": [[{"type": "raw_text", "text": "cell"}]]}
WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("invalid_arguments", "chat.postMessage", {"text": "t", "colour": "red"}),
    ("invalid_arguments", "chat.postMessage", {"text": "t", "unfurl_links": "perhaps"}),
    ("no_text", "chat.postMessage", {}),
    ("unknown_method", "chat.postMassage", {"text": "t"}),
    ("msg_too_long", "chat.postMessage", {"text": "x" * 40_001}),
    ("msg_too_long", "chat.postMessage", {"markdown_text": LONG}),
    ("msg_too_long", "chat.postMessage", {"text": "t", "blocks": [markdown("x" * 6_001), markdown("x" * 6_000)]}),
    ("markdown_text_conflict", "chat.postMessage", {"markdown_text": "t", "text": "t"}),
    ("msg_blocks_too_many", "chat.postMessage", {"text": "t", "blocks": [{"type": "divider"}] * 51}),
    ("invalid_blocks", "chat.postMessage", {"text": "t", "blocks": [{"type": "paragraph"}]}),
    ("invalid_blocks", "chat.postMessage", {"text": "t", "blocks": [{**SECTION, "color": "red"}]}),
    ("invalid_blocks", "chat.postMessage", {"text": "t", "blocks": [{**SECTION, "block_id": "b"}] * 2}),
    ("invalid_blocks", "chat.postMessage", {"text": "t", "blocks": [actions(button(text="x" * 76))]}),
    ("invalid_blocks", "chat.postMessage", {"text": "t", "blocks": [actions(button(value="x" * 2_001))]}),
    ("invalid_blocks", "chat.postMessage", {"text": "t", "blocks": [actions(button(), button())]}),
    ("invalid_blocks", "chat.postMessage", {"text": "t", "blocks": [actions(*(button(str(n)) for n in range(26)))]}),
    ("invalid_blocks", "chat.postMessage", {"text": "t", "blocks": [{**actions(button()), "type": "context_actions"}]}),
    ("invalid_blocks", "chat.postMessage", {"text": "t", "blocks": [{"type": "table", "rows": [[]]}]}),
    ("invalid_attachments", "chat.postMessage", {"text": "t", "blocks": [TABLE] * 2}),
    ("invalid_metadata_format", "chat.postMessage", {"text": "t", "metadata": {"event_type": "e"}}),
    ("missing_scope", "chat.postMessage", {"text": "t", "username": "Somebody"}),
    ("invalid_thread_ts", "chat.postMessage", {"text": "t", "thread_ts": "yesterday"}),
    ("missing_recipient_user_id", "chat.startStream", {"thread_ts": "ROOT", "recipient_team_id": "T"}),
    ("missing_recipient_team_id", "chat.startStream", {"thread_ts": "ROOT", "recipient_user_id": "U"}),
    ("invalid_thread_ts", "chat.startStream", {}),
    ("invalid_limit", "conversations.replies", {"ts": "ROOT", "limit": 1001}),
]  # fmt: skip


@pytest.mark.parametrize(("error", "method", "arguments"), WRONG)
async def test_a_mistake_is_refused_and_fails_the_test(
    house: House, error: str, method: str, arguments: dict[str, Any]
) -> None:
    root = await house.posted()
    sent = {name: root if value == "ROOT" else value for name, value in arguments.items()}
    with refused(error):
        await house.client.api_call(method, json={"channel": house.general.id, **sent})
    assert [(each.code, each.where) for each in house.slack.violations] == [(error, method)]
    house.slack.allows(error)
    assert house.slack.violations == []


async def test_leaving_with_a_violation_raises() -> None:
    slack = FakeSlack()
    await slack.start()
    with refused("unknown_method"):
        await AsyncWebClient("t", base_url=slack.api_url).api_call("chat.postMassage")
    with pytest.raises(AssertionError, match=r"chat.postMassage: unknown_method"):
        await slack.__aexit__(None, None, None)


async def test_threads_are_named_by_their_root(house: House) -> None:
    root = await house.posted()
    reply = await house.posted(thread_ts=root)
    with refused("invalid_thread_ts"):
        await house.posted(thread_ts=reply)
    with refused("thread_not_found"):
        await house.posted(thread_ts="1700000000.000001")
    house.slack.allows("invalid_thread_ts")


async def test_where_the_bot_may_speak(house: House) -> None:
    elsewhere = house.slack.channel(house.team, "elsewhere", house.alice, bot=False)
    secret = house.slack.channel(house.team, "secret", house.alice, bot=False, kind="private")
    with refused("not_in_channel"):
        await house.client.chat_postMessage(channel=elsewhere.id, text="t")
    with refused("channel_not_found"):
        await house.client.chat_postMessage(channel=secret.id, text="t")
    with refused("channel_not_found"):
        await house.client.conversations_info(channel=secret.id)
    await house.slack.archives(house.general, house.alice)
    with refused("is_archived"):
        await house.posted()
    assert house.slack.violations == []


async def test_the_same_channel_id_in_two_workspaces(house: House) -> None:
    other = house.slack.team("other")
    theirs = house.slack.install(other)
    twin = house.slack.channel(other, "general", channel_id=house.general.id)
    await house.posted()
    await AsyncWebClient(theirs.token, base_url=house.slack.api_url).chat_postMessage(channel=twin.id, text="twin")
    assert [each.text for each in house.slack.posts(house.general)] == ["first"]
    assert [each.text for each in house.slack.posts(twin)] == ["twin"]


async def test_tokens(house: House) -> None:
    for token, error in (("nonsense", "invalid_auth"), (house.slack.app.app_token, "not_allowed_token_type")):
        with refused(error):
            await house.client.auth_test(token=token)
    house.askrepo.scopes -= {"users:read"}
    with pytest.raises(SlackApiError) as failed:
        await house.client.users_info(user=house.alice.id)
    assert failed.value.response["needed"] == "users:read"
    house.askrepo.tokens[0].revoked = True
    with refused("token_revoked"):
        await house.client.auth_test()
    house.askrepo.alive = False
    with refused("account_inactive"):
        await house.client.auth_test()
    house.slack.allows("missing_scope", "not_allowed_token_type")


async def test_a_streamed_answer(house: House) -> None:
    root, ts = await house.started("It ")
    await house.client.chat_appendStream(channel=house.general.id, ts=ts, markdown_text="lives ")
    with refused("streaming_state_conflict"):
        await house.client.chat_update(channel=house.general.id, ts=ts, text="t")
    house.slack.allows("streaming_state_conflict")
    await house.client.chat_stopStream(
        channel=house.general.id, ts=ts, markdown_text="here.", blocks=[actions(button())]
    )
    (_, answer) = house.slack.thread(house.general, root)
    assert answer.body == "It lives here."
    assert [each["action_id"] for each in answer.buttons] == ["retry"]
    for method in (house.client.chat_appendStream, house.client.chat_stopStream):
        with refused("message_not_in_streaming_state"):
            await method(channel=house.general.id, ts=ts, markdown_text="more")


async def test_edits_keep_one_representation(house: House) -> None:
    posted = await house.client.chat_postMessage(channel=house.general.id, markdown_text="**t**")
    with refused("block_mismatch"):
        await house.client.chat_update(channel=house.general.id, ts=posted["ts"], text="t", blocks=[markdown("t")])
    with refused("msg_too_long"):
        await house.client.chat_update(channel=house.general.id, ts=posted["ts"], text="x" * 4_001)
    said = await house.slack.says(house.alice, house.general, "mine")
    with refused("cant_update_message"):
        await house.client.chat_update(channel=house.general.id, ts=said.ts, text="theirs")
    house.slack.allows("block_mismatch", "msg_too_long")


async def test_the_sdks_own_stream_helper_works(house: House) -> None:
    root = await house.posted()
    who: dict[str, Any] = {"recipient_user_id": house.alice.id, "recipient_team_id": house.team.id}
    stream = await house.client.chat_stream(channel=house.general.id, thread_ts=root, **who)
    await stream.append(markdown_text="x" * 300)
    await stream.stop(markdown_text="end")
    assert house.slack.thread(house.general, root)[1].body == "x" * 300 + "end"


async def test_a_stream_lives_five_minutes(house: House) -> None:
    _, ts = await house.started()
    house.slack.advance(299)
    await house.client.chat_appendStream(channel=house.general.id, ts=ts, markdown_text="in time")
    house.slack.advance(2)
    for method in (house.client.chat_appendStream, house.client.chat_stopStream):
        with refused("message_not_in_streaming_state"):
            await method(channel=house.general.id, ts=ts, markdown_text="late")
    await house.client.chat_update(channel=house.general.id, ts=ts, markdown_text="whole")
    assert house.general.messages[ts].body == "whole"


async def test_a_streamed_message_has_a_size(house: House) -> None:
    _, ts = await house.started("x" * 9_000)
    with refused("msg_too_long"):
        await house.client.chat_appendStream(channel=house.general.id, ts=ts, markdown_text="x" * 3_001)
    house.slack.allows("msg_too_long")
    await house.client.chat_appendStream(channel=house.general.id, ts=ts, markdown_text="x" * 3_000)
    house.slack.stream_characters = 39_000
    await house.client.chat_appendStream(channel=house.general.id, ts=ts, markdown_text="x" * 12_000)
    with refused("msg_too_long"):
        await house.client.chat_appendStream(channel=house.general.id, ts=ts, markdown_text="x" * 12_001)


async def test_streaming_where_it_is_refused(house: House) -> None:
    house.slack.native_streaming = False
    with refused("feature_disabled"):
        await house.started()
    house.slack.native_streaming = True
    _, ts = await house.started()
    await house.slack.kicks_bot(house.general)
    with refused("not_in_channel"):
        await house.client.chat_appendStream(channel=house.general.id, ts=ts, markdown_text="more")
    assert house.slack.violations == []


async def test_the_user_stops_a_stream(house: House) -> None:
    _, ts = await house.started()
    house.slack.subscriptions.discard("agent_session_stopped")
    await house.slack.stops(house.alice, house.general.messages[ts])
    with refused("stopped_by_user"):
        await house.client.chat_appendStream(channel=house.general.id, ts=ts, markdown_text="more")


async def test_tiers(house: House) -> None:
    root = await house.posted()
    for _ in range(5):
        await house.started(root=root)
    with pytest.raises(SlackApiError) as failed:
        await house.started(root=root)
    assert failed.value.response.status_code == 429
    wait = int(failed.value.response.headers["Retry-After"])
    house.slack.advance(wait)
    await house.started(root=root)


async def test_a_call_inside_retry_after_fails_the_test(house: House) -> None:
    house.slack.fail("chat.postMessage", status=429, retry_after=30)
    with refused("ratelimited"):
        await house.posted()
    house.slack.tiers.told_long_ago()
    with refused("ratelimited"):
        await house.posted()
    assert [each.code for each in house.slack.violations] == ["called_inside_retry_after"]
    house.slack.allows("called_inside_retry_after")
    house.slack.advance(30)
    await house.posted()


async def test_one_post_a_second_in_a_channel(house: House) -> None:
    for _ in range(5):
        await house.posted()
    with refused("ratelimited"):
        await house.posted()
    other = house.slack.channel(house.team, "other", house.alice)
    await house.client.chat_postMessage(channel=other.id, text="t")
    house.slack.advance(1)
    await house.posted()
    house.slack.tiers.on = False
    await asyncio.gather(*(house.posted() for _ in range(20)))


async def test_faults(house: House) -> None:
    client = house.client
    house.slack.fail("chat.postMessage", error="internal_error", after=1)
    await house.posted()
    with refused("internal_error"):
        await house.posted()
    house.slack.fail("chat.postMessage", status=500, html=True)
    with pytest.raises(SlackApiError) as failed:
        await house.posted()
    assert failed.value.response.status_code == 500
    house.slack.fail("chat.postMessage", status=429)
    with pytest.raises(SlackApiError) as failed:
        await house.posted()
    assert "Retry-After" not in failed.value.response.headers
    assert len(house.slack.posts(house.general)) == 1
    for drop, posts in (("before", 1), ("after", 2)):
        house.slack.fail("chat.postMessage", drop=drop)  # type: ignore[arg-type]
        with pytest.raises(aiohttp.ClientError):
            await client.chat_postMessage(channel=house.general.id, text="t")
        assert len(house.slack.posts(house.general)) == posts
    house.slack.fail("chat.postMessage", status=500, applied=True)
    with pytest.raises(SlackApiError):
        await house.posted()
    house.slack.fail("chat.postMessage", drop="silence")
    asking = asyncio.create_task(house.posted())
    await house.slack.until(lambda: len(house.slack.posts(house.general)) == 4)
    asking.cancel()
    elsewhere = house.slack.fail("chat.postMessage", error="internal_error", at="C0ELSEWHERE")
    held = asyncio.Event()
    house.slack.fail("chat.postMessage", hold=held)
    waiting = asyncio.create_task(house.posted())
    await client.auth_test()
    assert not waiting.done()
    held.set()
    await waiting
    assert not elsewhere.struck


PINGS = ["<!channel>", "<!here|here>", "<!everyone>", "<!subteam^S0FAKE1>", "`<!channel>`"]


@pytest.mark.parametrize("ping", PINGS)
async def test_a_ping_fails_the_test(house: House, ping: str) -> None:
    await house.client.chat_postMessage(channel=house.general.id, text=f"look {ping}")
    await house.client.chat_postMessage(channel=house.general.id, text="t", blocks=[markdown(f"look {ping}")])
    _, ts = await house.started(f"look {ping[:3]}")
    await house.client.chat_appendStream(channel=house.general.id, ts=ts, markdown_text=ping[3:])
    assert [each.code for each in house.slack.violations] == ["ping"] * 3
    house.slack.allows("ping")


async def test_people_may_be_named_where_the_test_says_so(house: House) -> None:
    house.slack.allows_pings_of(house.alice)
    await house.client.chat_postMessage(channel=house.general.id, text=f"{house.alice} asked")
    await house.client.chat_postMessage(channel=house.general.id, text="&lt;!channel&gt; <!-- no ping -->")
    assert house.slack.violations == []
    bob = house.slack.user(house.team, "bob")
    await house.client.chat_postMessage(channel=house.general.id, text=f"{bob} asked")
    assert [each.detail for each in house.slack.violations] == [bob.id]
    house.slack.allows("ping")


async def test_people_and_channels_as_slack_shows_them(house: House) -> None:
    guest = house.slack.user(house.team, "guest", guest="ultra_restricted")
    shown = (await house.client.users_info(user=guest.id))["user"]
    assert (shown["is_restricted"], shown["is_ultra_restricted"], shown["is_admin"]) == (True, True, False)
    partner = house.slack.team("partner")
    carol = house.slack.user(partner, "carol")
    with refused("user_not_found"):
        await house.client.users_info(user=carol.id)
    shared = house.slack.channel(house.team, "shared", house.alice, carol, shared_with=[partner])
    assert (await house.client.users_info(user=carol.id))["user"]["team_id"] == partner.id
    assert (await house.client.conversations_info(channel=shared.id))["channel"]["is_ext_shared"] is True
    members = await house.client.conversations_members(channel=shared.id)
    assert members["members"] == [house.alice.id, carol.id, house.askrepo.bot.id]
    opened = await house.client.conversations_open(users=house.alice.id)
    posted = await house.client.chat_postMessage(channel=house.alice.id, text="dm")
    assert posted["channel"] == opened["channel"]["id"] == house.slack.dm(house.alice).id


async def test_reactions_status_and_permalink(house: House) -> None:
    root = await house.posted()
    await house.client.reactions_add(channel=house.general.id, timestamp=root, name="eyes")
    with refused("already_reacted"):
        await house.client.reactions_add(channel=house.general.id, timestamp=root, name="eyes")
    await house.client.reactions_remove(channel=house.general.id, timestamp=root, name="eyes")
    await house.client.assistant_threads_setStatus(channel_id=house.general.id, thread_ts=root, status="reads")
    assert house.slack.status(house.general, root) == "reads"
    house.slack.advance(121)
    assert house.slack.status(house.general, root) == ""
    await house.client.assistant_threads_setStatus(channel_id=house.general.id, thread_ts=root, status="reads")
    await house.posted(thread_ts=root)
    assert house.slack.status(house.general, root) == ""
    link = await house.client.chat_getPermalink(channel=house.general.id, message_ts=root)
    assert root.replace(".", "") in link["permalink"]


async def test_a_file_goes_up_and_comes_down(house: House) -> None:
    root = await house.posted()
    await house.client.files_upload_v2(
        channel=house.general.id, thread_ts=root, filename="answer.md", content="# whole", initial_comment="whole"
    )
    (_, message) = house.slack.thread(house.general, root)
    assert [(file.name, file.content) for file in message.files] == [("answer.md", b"# whole")]
    async with aiohttp.ClientSession() as session:
        url = message.files[0].url
        async with session.get(url, headers={"Authorization": f"Bearer {house.askrepo.token}"}) as good:
            assert await good.read() == b"# whole"
        async with session.get(url) as bad:
            assert "Sign in" in await bad.text()


async def test_a_file_of_a_channel_without_the_bot(house: House) -> None:
    elsewhere = house.slack.channel(house.team, "elsewhere", house.alice, bot=False)
    file = house.slack.file(house.alice, "secret.txt", "secret")
    await house.slack.says(house.alice, elsewhere, files=[file])
    with refused("file_not_found"):
        await house.client.files_info(file=file.id)
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {house.askrepo.token}"}
        async with session.get(file.url, headers=headers) as answer:
            assert "Sign in" in await answer.text()


@pytest.mark.filterwarnings("ignore:BasicAuth")  # the SDK's own doing
async def test_installing_by_oauth(house: House) -> None:
    slack, client = house.slack, AsyncWebClient(base_url=house.slack.api_url)
    slack.app.redirect_uris.add("https://bot.example.org/slack/oauth_redirect")
    redirect = "redirect_uri=https%3A%2F%2Fbot.example.org%2Fslack%2Foauth_redirect"
    bob = slack.user(slack.team("other"), "bob")
    url = f"https://slack.com/oauth/v2/authorize?client_id={slack.app.client_id}&scope=chat:write&state=s&{redirect}"
    back = slack.install_url_answer(url, bob)
    code = back.partition("code=")[2].partition("&")[0]
    assert back.endswith("state=s")
    given = {"client_id": slack.app.client_id, "client_secret": slack.app.client_secret, "code": code}
    with refused("bad_redirect_uri"):
        await client.oauth_v2_access(**given)
    reply = await client.oauth_v2_access(**given, redirect_uri="https://bot.example.org/slack/oauth_redirect")
    assert reply["team"]["id"] == bob.team.id
    assert (await client.auth_test(token=reply["access_token"]))["team_id"] == bob.team.id
    with refused("code_already_used"):
        await client.oauth_v2_access(**given, redirect_uri="https://bot.example.org/slack/oauth_redirect")
    with refused("bad_client_secret"):
        await client.oauth_v2_access(client_id=slack.app.client_id, client_secret="wrong", code=code)
    slack.allows("bad_redirect_uri", "code_already_used", "bad_client_secret")


@pytest.mark.filterwarnings("ignore:BasicAuth")
async def test_a_refresh_token_works_once() -> None:
    async with FakeSlack() as slack:
        slack.app.rotation = True
        askrepo = slack.install(slack.team())
        client = AsyncWebClient(base_url=slack.api_url)
        first, refresh = askrepo.token, list(askrepo.refresh_tokens)[-1]
        given = {"client_id": slack.app.client_id, "client_secret": slack.app.client_secret}
        given |= {"grant_type": "refresh_token", "refresh_token": refresh}
        second = await client.oauth_v2_access(**given)
        assert second["expires_in"] == 43_200
        await client.auth_test(token=first)
        await client.oauth_v2_access(**{**given, "refresh_token": second["refresh_token"]})
        with refused("token_revoked"):  # at most two are alive
            await client.auth_test(token=first)
        slack.advance(43_201)
        with refused("token_expired"):
            await client.auth_test(token=second["access_token"])
        with refused("invalid_refresh_token"):
            await client.oauth_v2_access(**given)
        slack.allows("invalid_refresh_token")


async def test_an_organisation_wide_install() -> None:
    async with FakeSlack() as slack:
        one, two = slack.team("one", enterprise="E1"), slack.team("two", enterprise="E1")
        askrepo = slack.install(one, two, enterprise="E1")
        client = AsyncWebClient(askrepo.token, base_url=slack.api_url)
        shown = await client.auth_test()
        assert (shown["is_enterprise_install"], shown["enterprise_id"]) == (True, "E1")
        for team in (one, two):
            channel = slack.channel(team, "general", channel_id="C0SAME")
            await client.chat_postMessage(channel="C0SAME", text=team.name, team_id=team.id)
            assert [each.text for each in slack.posts(channel)] == [team.name]


async def test_history_for_apps_outside_the_marketplace(house: House) -> None:
    house.slack.restricted_history = True
    root = await house.posted()
    house.slack.tiers.on = False
    for _ in range(20):
        await house.posted(thread_ts=root)
    house.slack.tiers.on = True
    read = await house.client.conversations_replies(channel=house.general.id, ts=root)
    assert (len(read["messages"]), read["has_more"]) == (15, True)
    with refused("ratelimited"):
        await house.client.conversations_replies(channel=house.general.id, ts=root)


async def test_a_token_in_an_address_fails_the_test(house: House) -> None:
    async with aiohttp.ClientSession() as session:
        await session.post(f"{house.slack.api_url}auth.test?token={house.askrepo.token}")
        await session.post(f"{house.slack.api_url}auth.test", data=b"{", headers={"Content-Type": "application/json"})
    assert [each.code for each in house.slack.violations] == ["token_in_address", "invalid_json"]
    house.slack.allows("token_in_address", "invalid_json")
