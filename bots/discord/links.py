"""Pure: how the target of a link is shown: as itself, to be followed, or as code that nobody can follow.

`<url>` is Discord's own form of a bare link without a preview. It also says where the address ends: the end of a bare
one is guessed at by the client, and by the crawler otherwise than by the client (discord-api-docs#6279).
"""

from __future__ import annotations

import re

from bots.discord.verbatim import span
from core.links import is_web

# Discord makes invitations, gifts and pills of other places of these, wherever they stand.
_OWN = re.compile(r"discord\.(?:gg|new|gifts?)\b|discord(?:app)?\.com/(?!(?:developers|blog)/)", re.IGNORECASE)
_CALL = re.compile("@(?:everyone|here)", re.IGNORECASE)
_SCHEME = re.compile(r"https?://", re.IGNORECASE)


def shown(target: str) -> str:
    """The target whole: a web address of plain letters as a link, anything else as code.

    Anything else is another scheme, a user before the host, a host that is not ASCII or is punycode, what Discord
    would make a card or a pill of, what calls everybody, and what could end the emphasis around it.
    """
    plain = _SCHEME.match(target) and is_web(target) and not _OWN.search(target) and not _CALL.search(target)
    return f"<{target}>" if plain and "*" not in target and "~~" not in target else span(target)
