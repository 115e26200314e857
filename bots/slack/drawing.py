"""Shows Markdown where Slack takes it, and plain text where it does not.

Slack makes a block of each heading, table and rule of a `markdown` block ("Markdown block"), and a message may have 50.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bots.slack.blocks import Block
from bots.slack.calls import Answer, SlackRefused
from core import logs
from core.relay.patience import patiently

log = logs.get(__name__)

# what Markdown is refused for that is more than a message takes, as the methods' pages have it
TOO_MUCH = frozenset(
    {"invalid_attachments", "invalid_blocks", "msg_blocks_too_long", "msg_blocks_too_many", "msg_too_long"}
)


async def drawn(
    call: Callable[[Sequence[Block]], Awaitable[Answer]],
    blocks: Callable[[bool], Sequence[Block]],
    *,
    plain: bool = False,
) -> tuple[Answer, bool]:
    """What Slack answered to these blocks, and whether they show plain text: from the start, or as it had to be.

    `blocks` makes them, of Markdown or plain. Raises what the call raises; NotYet only where nothing was refused yet.
    """
    try:
        return await call(blocks(plain)), plain
    except SlackRefused as error:
        if plain or error.code not in TOO_MUCH:
            raise
        log.info("shown as plain text", reason=error.code)
    return await patiently(lambda: call(blocks(True))), True
