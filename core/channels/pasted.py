"""Pure: whether a text holds a token: by the form its issuer gave it, behind `Bearer`, or as the password of a URL.

Questions about code name tokens and show how one looks; such a placeholder is none. What has no form of its own, such
as a git hash, is nobody's token either.
"""

from __future__ import annotations

import base64
import re

_ALPHANUMERIC, _URL_SAFE = "[A-Za-z0-9]", r"[\w-]"
_BODIES = (  # what an issuer begins its tokens with, the characters that follow, and how many at least
    (r"gh[oprsu]_|npm_|hf_|glsa_|gsk_|ntn_|lin_api_|r8_|whsec_|[rs]k_(?:live|test)_", _ALPHANUMERIC, 16),
    (r"github_pat_|gl(?:pat|ptt|soat|cbt|dt|rt|ft)-|sbp_|figd_|dckr_pat_|GOCSPX-|hvs\.", _URL_SAFE, 16),
    (r"(?:xoxe\.)?xox[abeoprs]-|xapp-\d-|ya29\.|SG\.", r"[\w.-]", 16),
    (r"AIza|pypi-", _URL_SAFE, 35),
    (r"secret_", _ALPHANUMERIC, 43),
    (r"(?<![A-Za-z0-9])(?:AKIA|ASIA)", "[A-Z0-9]", 16),
    (r"dop_v1_|rubygems_|shp(?:at|ca|pa|ss)_|(?<![A-Za-z0-9])(?:SK|dapi)", "[0-9a-f]", 32),
    (r"(?<!\d)\d{8,10}:AA", _URL_SAFE, 33),
    (r"(?<![\w.-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.", _URL_SAFE, 20),
    (r"-----BEGIN (?:[A-Z]+ ){0,2}PRIVATE KEY-----\s+", "[A-Za-z0-9+/=]", 40),
)
_ISSUED = tuple(
    re.compile(f"(?:{before})({characters}{{{fewest},}})", re.ASCII) for before, characters, fewest in _BODIES
)
_MIXED = (  # forms that ordinary words may have as well: the characters tell
    re.compile(r"(?<![\w-])sk-([\w-]{16,})", re.ASCII),
    re.compile(r"\bBearer\s+([\w.~+/=-]{20,})", re.ASCII | re.IGNORECASE),
)
_DISCORD = re.compile(r"(?<![\w.-])([MNO][\w-]{23,27})\.[\w-]{6,7}\.[\w-]{27,}", re.ASCII)
_IN_URL = re.compile(r"://([^\s/?#@:]*):([^\s/?#@]{6,})@")
_PLACEHOLDER = re.compile(
    r"your|token|secret|example|placeholder|dummy|fake|sample|change.?me|redacted|here|passw|(.)\1{5}|\.\.\.|[…<>{}$*%]",
    re.IGNORECASE,
)
_TOLD_BY = 40  # characters of a placeholder; in a long token one of these words may stand by chance
_FEWEST = 5  # different characters of what was drawn at random
_UNBROKEN = re.compile(r"[A-Za-z0-9]{16,}")


def holds_token(text: str) -> bool:
    """Whether somebody's token stands in the text. Never raises."""
    return (
        any(_drawn(body) for form in _ISSUED for body in form.findall(text))
        or any(_drawn(body) and _is_mixed(body) for form in _MIXED for body in form.findall(text))
        or any(_is_number(body) for body in _DISCORD.findall(text))
        or any(user != password and not _PLACEHOLDER.search(password) for user, password in _IN_URL.findall(text))
    )


def _drawn(body: str) -> bool:
    """Whether it looks drawn at random: words in small letters, and what is there to be filled in, do not."""
    words = body.islower() and not any(map(str.isdigit, body))
    return len(set(body)) >= _FEWEST and not words and not _PLACEHOLDER.search(body, 0, _TOLD_BY)


def _is_mixed(body: str) -> bool:
    """Whether no name is written like that: in both cases with digits, or long and unbroken with digits."""
    kinds = (str.isdigit, str.islower, str.isupper)
    runs = _UNBROKEN.findall(body)
    return all(any(map(kind, body)) for kind in kinds) or any(not (run.isalpha() or run.isdigit()) for run in runs)


def _is_number(body: str) -> bool:
    """Whether it is the id of a Discord bot, which its token begins with."""
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_").isdigit()
    except ValueError:
        return False
