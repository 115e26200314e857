"""Pure: sentences of the core in the words of Discord, where each command has a name of its own."""

from __future__ import annotations

import re

_CODE = re.compile(r"(`[^`]*`)")
_COMMAND = re.compile(r"`/askrepo (default|help|list|map|settings|status|token|unmap|why)(?: ([^`]+))?`")
_OPTIONS = {"default": "repository", "map": "repository", "token": "action", "unmap": "repository"}
_WORKSPACE = re.compile(r"\bworkspace\b")

_USAGE = """\
Ask about this channel's code: mention me, or use `/askrepo`. I answer in a thread. {follow_ups}

- `/askrepo-map` maps this channel to a repository; an alias names it among several, and mapping it again makes it the \
default
- `/askrepo-unmap` removes a mapping
- `/askrepo-list` shows what is mapped here
- `/askrepo-why` shows how the repository of a question is chosen
- `/askrepo-status` shows whether repository and token are in order
- `/askrepo-token` shows, sets or removes the token of this channel, or of the whole server
- `/askrepo-settings` shows which replies in a thread are answered, and more
- `/askrepo-default` sets the repository of direct messages and of channels without a mapping

Begin a question with `in:web` or `in:owner/name` to ask about another repository that is mapped here. In a thread, \
`stop`, `retry`, `new`, `mute` and `unmute` work as words of their own, after a mention. To ask about a message, open \
its menu, then “Apps”."""


def usage(*, reads_all: bool) -> str:
    """What we can do. `reads_all`: messages that do not mention us are heard too."""
    follow_ups = "Follow-ups there need no mention." if reads_all else "Mention me in follow-ups too."
    return _USAGE.format(follow_ups=follow_ups)


def native(words: str) -> str:
    """The words with commands as Discord has them, and a workspace called a server."""
    pieces = _CODE.split(_COMMAND.sub(_typed, words))
    return "".join(each if at % 2 else _WORKSPACE.sub("server", each) for at, each in enumerate(pieces))


def _typed(command: re.Match[str]) -> str:
    name, rest = command[1], command[2]
    option = f"{_OPTIONS[name]}:" if name in _OPTIONS else ""
    return f"`/askrepo-{name}{f' {option}{rest}' if rest else ''}`"
