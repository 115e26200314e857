"""Random answers for Discord: Markdown, mentions, links, code, odd characters, in any order and inside each other."""

from __future__ import annotations

from random import Random

from tests.slack.nasty import BLOCKS, CODE, LINKS, UNSEEN, WORDS, nasty
from tests.unseen import EMOJI

MENTIONS = (
    "@everyone", "@here", "\\@everyone", "\\\\@here", "@Everyone", "x@here.org", "@", "everyone", "here",
    "@\u200beveryone", "<@123>", "<@!123>", "<@&123>", "<#123>", "\\<@123>", "<\\@123>", "&lt;@123&gt;", "<&#64;123>",
    "<", ">", "123>", "@123>", "</cmd:123>", "</cmd sub:1>", "<id:customize>", "<1:guide>", "<t:1>", "<t:1:R>",
    "<:x:1>", "<a:x:1>", "<a:", "<:", "t:1>", "<a@b.org>", "<+15551234567>", "<mailto:a@b.org>", ":tada:", ":100:",
    "<@**1**>", "<`@1>`", "<[@1>](x)",
)  # fmt: skip
LOOKS = (
    "**", "*", "***", "_", "__", "___", "~~", "~", "||", "|", "~~_", "_~~", "**`**`**", "_`_`_", "*`*`*", "~~`~~`~~",
    "**a**", "_a_", "*a*b", "a*b*", "~~a~~", "***a** b*", "**a *b***", "||a||", "__init__", "a_b_c", "\\*", "\\_",
    "\\~", "\\|", "\\\\", "\\", "`\\`", "`a\\`", "**https://e.vil/a_b**", "_https://e.vil/a_b_", "*https://e.vil/a*b*",
    "[*a*](https://e.vil)",
)  # fmt: skip
STARTS = (
    "\n# ", "\n## ", "\n#### a", "\n-# ", "\n> ", "\n>>> ", "\n>>>", "\n>", "\n- ", "\n-\n", "\n* ", "\n1. ", "\n1) ",
    "\n0. ", "\n\\# ", "\n\\- ", "\n\\-# ", "\n\\> ", "\n\\>>> ", "\n1\\. ", "\n&#35; ", "\n&gt; ", "\n-&#32;",
    "\n-\u200b ", "\n\u200b# ", "\n# C#", "\n#\n", "\n  - ", "\n   ", "\n> - ", "\n- > ", "\n- ```\n", "\n> ```\n",
    "\n\n", "\n---\n", "\n===\n", "**# a**", "*- a*", "\n| a | b |\n|---|--:|\n| c | d |\n", "\n|`|`|\n|-|-|\n|```|\n",
    "\na|b\n-|-\n",
)  # fmt: skip
ADDRESSES = (
    "https://discord.gg/x", "discord.gg/x", "https://discord.com/channels/1/2", "discord.com/invite/x",
    "discordapp.com/invite/x", "https://e.vil/a`b`", "https://e.vil/_a_", "https://e.vil/~~a~~", "https://e.vil)",
    "(https://e.vil/(a))", "https:/", "/e.vil", "https\\://e.vil", "https:/[/e.vil](x)", "http&#58;//e.vil",
    "HTTPS://e.vil", "steam://run/1", "discord://x", "<https://e.vil/a>", "<https://e.vil/*a*>",
    "[a](<https://e.vil/ b>)", "[`a`](https://e.vil)", "[a `](https://e.vil)`", "[a](https://e.vil/>)", "://x",
)  # fmt: skip
KINDS = (MENTIONS, LOOKS, LOOKS, STARTS, STARTS, ADDRESSES, LINKS, CODE, BLOCKS, UNSEEN, WORDS, WORDS, EMOJI)
_INSIDE = (
    "x", "**", "*", "_", "__", "~~", "||", "\\", "<@1>", "@here", "[a](https://e.vil)", "https://e.vil", "- ", "# ",
    "> ", "1. ", "-# ", " ", "  ", "`", "``", "```", "日本", "🙂", "<", ">", "&lt;", "|", ">>> ", "\t", "$", "~~~",
)  # fmt: skip


def inside(random: Random, most: int = 8, *, without: str = "\n") -> str:
    """Code, of one line."""
    return "".join(
        part for part in (random.choice(_INSIDE) for _ in range(random.randint(1, most))) if part not in without
    )


def listing(random: Random) -> tuple[str, str]:
    """A fenced code block of its own, in a list, a quote or neither, and its code."""
    lines = [inside(random) if random.random() < 0.8 else "" for _ in range(random.randint(1, 5))]
    code = "\n".join(("first()", *lines, "last()"))
    marker = random.choice(("~" * 40, "`" * 40))
    block = f"{marker}{random.choice(('py', '', 'c++ x', 'c#', '{.py}', 'json title=a'))}\n{code}\n{marker}"
    prefix = random.choice(("", "", "> ", "> > ", "1. ", "- ", "> - ", "- > ", "- 1. "))
    further = "".join(character if character == ">" else " " for character in prefix)
    return prefix + block.replace("\n", f"\n{further}") + "\n", code


def span(random: Random) -> tuple[str, str]:
    """A code span with words and looks around it, and its code."""
    code = f"x{inside(random, 6, without=random.choice(('`', '``', '`` ```', '``````')))}x"
    before, after = random.choice(
        (
            ("", ""),
            ("**", "**"),
            ("_", "_"),
            ("*so ", "*"),
            ("~~", " a~~"),
            ("[", "](https://e.org)"),
            ("***", "***"),
            ("a*", "*b"),
        )
    )
    return f"{before}{'`' * 40}{code}{'`' * 40}{after}", code


__all__ = ["ADDRESSES", "EMOJI", "KINDS", "LINKS", "LOOKS", "MENTIONS", "WORDS", "listing", "nasty", "span"]
