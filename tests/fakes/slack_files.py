"""files.*: an upload in three steps, and private URLs that want a token."""

from __future__ import annotations

from tests.fakes.slack_blocks import check_blocks
from tests.fakes.slack_chat import add, check_thread, may_post, show
from tests.fakes.slack_errors import SlackError
from tests.fakes.slack_methods import Asked, method
from tests.fakes.slack_values import File, Installation, Json
from tests.fakes.slack_world import World


@method(
    "files.getUploadURLExternal", 100, "files:write", required="filename length", optional="alt_txt snippet_type title"
)
def upload_url(asked: Asked) -> Json:
    if asked["length"] < 1:
        raise SlackError("invalid_arguments", "length must be at least 1")
    file = asked.world.file(asked.installation.bot, asked["filename"], b"")
    file.length = asked["length"]
    return {"upload_url": f"{asked.world.base}/upload/v1/{file.id}", "file_id": file.id}


def receive(world: World, file_id: str, content: bytes) -> bool:
    """The second step. False where Slack refuses the octets."""
    file = world.files.get(file_id)
    if file is None or file.length is None:
        return False
    if len(content) != file.length:
        world.violated("upload_length", file_id, f"{len(content)} octets, {file.length} were announced")
        return False
    file.content = content
    return True


@method(
    "files.completeUploadExternal",
    100,
    "files:write",
    required="files",
    optional="channel_id channels thread_ts initial_comment blocks",
)
def complete(asked: Asked) -> Json:
    done: list[File] = []
    for each in asked["files"]:
        file = asked.world.files.get(each.get("id", "")) if isinstance(each, dict) else None
        if file is None or file.length is None or not file.content or each.keys() - {"id", "title", "highlight_type"}:
            raise SlackError("file_not_found" if file is None else "invalid_arguments", f"{each!r:.80}")
        file.title, done = each.get("title", ""), [*done, file]
    if "channels" in asked.arguments and "channel_id" in asked.arguments:
        raise SlackError("invalid_arguments", "either channel_id or channels")
    ids = [asked["channel_id"]] if "channel_id" in asked.arguments else asked.get("channels", "").split(",")
    channels = [asked.world.find_channel(asked.installation, each) for each in ids if each]
    if "thread_ts" in asked.arguments and len(channels) != 1:
        raise SlackError("invalid_arguments", "thread_ts needs exactly one channel")
    if "blocks" in asked.arguments:
        check_blocks(asked["blocks"])
    for channel in channels:
        may_post(asked, channel)
        check_thread(channel, asked.get("thread_ts"))
        comment, blocks = asked.get("initial_comment", ""), asked.get("blocks", [])
        message = add(asked, channel, text=comment, blocks=blocks, thread_ts=asked.get("thread_ts"), files=done)
        message.subtype = "file_share"
        for file in done:
            file.channels.append(channel)
        show(asked, message)
    for file in done:
        file.length = None
    return {"files": [file.public() for file in done]}


def visible(file: File, installation: Installation) -> bool:
    """Whether this installation's bot is where the file was shared, or uploaded it."""
    seen = any(installation.bot in channel.members for channel in file.channels)
    return installation.alive and (seen or file.owner is installation.bot)


@method("files.info", 100, "files:read", required="file", optional="count cursor limit page")
def info(asked: Asked) -> Json:
    file = asked.world.files.get(asked["file"])
    if file is None or not visible(file, asked.installation):
        raise SlackError("file_not_found")
    return {"file": file.public()}


@method("files.delete", 50, "files:write", required="file")
def delete(asked: Asked) -> Json:
    file = asked.world.files.get(asked["file"])
    if file is None or file.owner is not asked.installation.bot:
        raise SlackError("file_not_found")
    del asked.world.files[file.id]
    for channel in file.channels:
        for message in [each for each in channel.messages.values() if file in each.files]:
            message.files.remove(file)
            if not (message.files or message.shown):
                channel.remove(message)
                asked.world.happened(message, "deleted")
    return {}
