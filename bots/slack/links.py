"""Pure: how the target of a link is shown, as text that Slack may link, or as code that nobody can follow."""

from __future__ import annotations

import re

_OPAQUE = "javascript|vbscript|data|slack|file|blob|about|tel|sms|facetime|skype|view-source|ms-[a-z-]+|jar|livescript"
_LONGEST = 2_000  # of an address in the text
BARE = rf"(?i:(?:[a-z][a-z0-9+.-]{{0,31}}://|www\.|(?<![a-z0-9+.-])(?:{_OPAQUE}):(?=\S))[^\s<>`\[\]|\\\"^{{}}]{{0,{_LONGEST}}})"
TARGET = re.compile(
    r"\([ \t]*(?:<(?P<angled>[^<>]*)>|(?P<plain>[^\s()<][^\s()]*(?:\([^\s()]*\)[^\s()]*)*)?)"
    r"(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?[ \t]*\)"
)
_SAFE = re.compile(r"(?:https?://|www\.)[a-z0-9._-]+(?::\d{1,5})?(?=[/?#]|$)[^\s<>`\[\]|\\\"^{}]*", re.IGNORECASE)
_MAIL = re.compile(r"(?!www\.)(?:mailto:)?[a-z0-9._+-]+@[a-z0-9.-]+", re.IGNORECASE)
_PUNYCODE = re.compile(r"(?:://|www\.|\.)xn--|://[^/?#]*\.xn--", re.IGNORECASE)
_REFERENCE = re.compile(r"&(?:#|amp|lt|[a-z0-9]+;)", re.IGNORECASE)
_TRAILING = frozenset(".,;:!?'*_~")
# what begins something else: sentences without spaces, an address after emphasis or a bracket, a call
_OTHER = re.compile(
    r"[，。、；：！？（）【】《》「」“”‘’—…]|(?<!/)@(?=here|channel|everyone)"
    rf"|[*_~()'](?=[a-z][a-z0-9+.-]{{0,31}}://|(?:{_OPAQUE}):)",
    re.IGNORECASE,
)


def shown(target: str) -> str:
    """The target whole: a web or mail address of plain letters as text, anything else as code.

    Anything else is another scheme, a user before the host, a host that is not ASCII or is punycode, an entity.
    """
    return target if _is_plain(target) else _code(target)


def reach(found: str) -> int:
    """How much of what stands in a text like an address is one: what ends or splits a sentence is not."""
    if other := _OTHER.search(found, 1):
        found = found[: other.start()]
    surplus = found.count(")") - found.count("(")
    end = len(found)
    entity = _REFERENCE.search(found) is not None
    while end > 1 and ((found[end - 1] in _TRAILING and not entity) or (found[end - 1] == ")" and surplus > 0)):
        surplus -= found[end - 1] == ")"
        end -= 1
    return max(end, 1)


def same(label: str, target: str) -> bool:
    """Whether a label says no more and nothing else than the target."""
    return label == target or (target.startswith(label) and label == target.rstrip("/")) or (
        target.endswith(label) and target in {f"https://{label}", f"http://{label}", f"mailto:{label}"}
    )  # fmt: skip


def _is_plain(target: str) -> bool:
    if _REFERENCE.search(target):
        return False
    return bool(_MAIL.fullmatch(target) or (_SAFE.fullmatch(target) and not _PUNYCODE.search(target)))


def _code(target: str) -> str:
    target = target.replace("|", "%7C").replace("`", "%60").strip() or " "
    return f"`{target}`"
