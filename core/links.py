"""Pure: addresses in running text, where each ends, and which of them lead where they seem to lead."""

from __future__ import annotations

import re

OPAQUE = "javascript|vbscript|data|slack|file|blob|about|tel|sms|facetime|skype|view-source|ms-[a-z-]+|jar|livescript"
_LONGEST = 2_000  # of an address in the text
BARE = rf"(?i:(?:[a-z][a-z0-9+.-]{{0,31}}://|www\.|(?<![a-z0-9+.-])(?:{OPAQUE}):(?=\S))[^\s<>`\[\]|\\\"^{{}}]{{0,{_LONGEST}}})"
_WEB = re.compile(r"(?:https?://|www\.)[a-z0-9._-]+(?::\d{1,5})?(?=[/?#]|$)[^\s<>`\[\]|\\\"^{}]*", re.IGNORECASE)
_PUNYCODE = re.compile(r"(?:://|www\.|\.)xn--|://[^/?#]*\.xn--", re.IGNORECASE)
REFERENCE = re.compile(r"&(?:#|amp|lt|[a-z0-9]+;)", re.IGNORECASE)
_TRAILING = frozenset(".,;:!?'*_~")
# what begins something else: sentences without spaces, an address after emphasis or a bracket, a call
_OTHER = re.compile(
    r"[，。、；：！？（）【】《》「」“”‘’—…]|(?<!/)@(?=here|channel|everyone)"
    rf"|[*_~()'](?=[a-z][a-z0-9+.-]{{0,31}}://|(?:{OPAQUE}):)",
    re.IGNORECASE,
)


def is_web(target: str) -> bool:
    """Whether it is a web address that shows where it leads: a host in plain letters, no user before it."""
    return bool(_WEB.fullmatch(target) and not _PUNYCODE.search(target))


def reach(found: str) -> int:
    """How much of what stands in a text like an address is one: what ends or splits a sentence is not."""
    if other := _OTHER.search(found, 1):
        found = found[: other.start()]
    surplus = found.count(")") - found.count("(")
    end = len(found)
    entity = REFERENCE.search(found) is not None
    while end > 1 and ((found[end - 1] in _TRAILING and not entity) or (found[end - 1] == ")" and surplus > 0)):
        surplus -= found[end - 1] == ")"
        end -= 1
    return max(end, 1)


def same(label: str, target: str) -> bool:
    """Whether a label says no more and nothing else than the target."""
    return label == target or (target.startswith(label) and label == target.rstrip("/")) or (
        target.endswith(label) and target in {f"https://{label}", f"http://{label}", f"mailto:{label}"}
    )  # fmt: skip
