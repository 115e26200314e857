"""Pure: how the target of a link is shown, as text that Slack may link, or as code that nobody can follow."""

from __future__ import annotations

import re

from core.links import REFERENCE, is_web

TARGET = re.compile(
    r"\([ \t]*(?:<(?P<angled>[^<>]*)>|(?P<plain>[^\s()<][^\s()]*(?:\([^\s()]*\)[^\s()]*)*)?)"
    r"(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?[ \t]*\)"
)
_MAIL = re.compile(r"(?!www\.)(?:mailto:)?[a-z0-9._+-]+@[a-z0-9.-]+", re.IGNORECASE)


def shown(target: str) -> str:
    """The target whole: a web or mail address of plain letters as text, anything else as code.

    Anything else is another scheme, a user before the host, a host that is not ASCII or is punycode, an entity.
    """
    return target if _is_plain(target) else _code(target)


def _is_plain(target: str) -> bool:
    return not REFERENCE.search(target) and (_MAIL.fullmatch(target) is not None or is_web(target))


def _code(target: str) -> str:
    target = target.replace("|", "%7C").replace("`", "%60").strip() or " "
    return f"`{target}`"
