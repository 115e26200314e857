"""Random answers for Slack: Markdown, mentions, links, code and odd characters, in any order and inside each other."""

from __future__ import annotations

from random import Random

from tests.unseen import EMOJI

MENTIONS = (
    *("<!here>", "<!channel>", "<!everyone|x>", "<!subteam^S012>", "<!date^1^{date}^https://e.vil|x>", "<@U012AB3CD>"),
    *(
        "<@W1",
        "<#C024BE7LR|general>",
        "&lt;!channel&gt;",
        "&amp;lt;!here&amp;gt;",
        "&#60;!here>",
        "&#x3C;@U1>",
        "&LT;!here",
    ),
    *(
        "<&#33;here>",
        "&lt&#33;here",
        "<\\!channel>",
        "\\<!here>",
        "\\&lt;!here>",
        "&l&#116;;!here",
        "<&#x40;U12>",
        "@here",
    ),
    *(
        "@channel",
        "@everyone",
        "<https://e.vil|good>",
        "<mailto:a@b.c|x>",
        "&lt;https://e.vil|x&gt;",
        "&amp;amp;lt;!here",
    ),
    *(
        "<",
        "!here",
        "!channel>",
        "@U0123",
        "&",
        "lt;",
        "amp;",
        "&amp;",
        "#60;",
        "&nvlt;",
        "&#0060;",
        "<<!here",
        "&bsol;",
    ),
)
LINKS = (
    *(
        "[label](https://e.vil/x)",
        "[https://good.org](https://e.vil)",
        "![i](https://e.vil/i.png)",
        "[a][b]",
        "[b]: https://e.vil",
    ),
    *(
        "[a](<https://e.vil/ x> 'title')",
        "[![a](https://i.vil)](https://e.vil)",
        "[a](javascript:alert(1))",
        "<https://e.vil/q>",
    ),
    *(
        "<javascript:alert(1)>",
        "[",
        "]",
        "(",
        ")",
        "](",
        "](https://e.vil)",
        "[a",
        "][",
        "]:",
        "!",
        "![",
        "\\]",
        "\\[",
        "[]()",
    ),
    *(
        "[](https://e.vil)",
        "https://e.vil/a?b=c&d=e",
        "https://u:p@e.vil/",
        "https://xn--80ak6aa92e.com",
        "https://аpple.com/",
    ),
    *(
        "slack://open",
        "data:text/html,x",
        "mailto:a@b.c",
        "ftp://e.vil",
        "www.e.vil",
        "https://",
        "ht",
        "tps://e.vil",
        "[^1]",
    ),
    *(
        "[^1]: https://e.vil",
        "<a href='https://e.vil'>good</a>",
        "<img src=x>",
        "<!--",
        "-->",
        "<div>",
        "</div>",
        "<script>",
    ),
    *(
        "[a\\](https://e.vil)",
        '[a](https://e.vil "t")',
        "[`c`](https://e.vil)",
        "[a]\\(https://e.vil)",
        "(https://e.vil)",
    ),
    *(
        "<?",
        "?>",
        "<![CDATA[",
        "[# a](b)",
        "[```](x)",
        "[- a](b)",
        "[a]( )",
        "https://e.vil。x",
        "https://e.vil]",
        "<x@e.vil>",
    ),
)
CODE = (
    "`",
    "``",
    "```",
    "`a`",
    "`[a](https://e.vil)`",
    "`` ` ``",
    "\\`",
    "`<!here>`",
    "~~~",
    "```py",
    "`x | y`",
    "`<a",
    "```a`",
)
BLOCKS = (
    *(
        "# ",
        "- ",
        "1. ",
        "> ",
        ">",
        "    ",
        "  ",
        "\t",
        "---",
        "===",
        "|",
        "| a | b |",
        "|---|---|",
        "|-|",
        "- [ ] ",
        "* ",
    ),
    *("\n", "\n", "\n", "\n", "\n\n", "\n\n", "\r\n", "\\|", "\\\\|", "\n```\n", "\n```\n", "\n~~~\n", "\n    "),
)
UNSEEN = (
    *(
        "\u200b",
        "\u202e",
        "\u2066",
        "\u200d",
        "\ufe0f",
        "\U000e0041",
        "\U000e007f",
        "\x00",
        "\x1b[31m",
        "\x85",
        "\u2028",
    ),
    *(
        "\ufeff",
        "\u00ad",
        "\u3164",
        "\x0b",
        "&#8203;",
        "&zwj;",
        "&#x202e;",
        "&shy;",
        "\ud800",
        "\u200c",
        "\ufe0e",
        "&Tab;",
    ),
)
WORDS = (
    "the",
    "a",
    "b",
    " ",
    " ",
    " ",
    "x_y",
    "**",
    "*",
    "_",
    "~~",
    ".",
    ",",
    ":",
    "\\",
    "日本",
    "naïve",
    "&mdash;",
    "AT&T",
    "a < b",
)
PARAGRAPH = (
    *(
        "The ",
        "word ",
        "and ",
        "file.py ",
        "(see ",
        "note: ",
        "e.g. ",
        "don’t ",
        "— ",
        "src/a.ts, ",
        "é ",
        "日本 ",
        "#1 ",
    ),
    *("**bold** ", "**so ", "*it* ", "x_y ", "`code` ", "`a b`, ", "`[a](b)` ", "`:` ", "`a`/`b` ", "1. ", "- ", "> "),
    *(
        "www.x.org ",
        "(www.",
        "http",
        "s://x.y ",
        "tel:",
        "tel: ",
        ":",
        "@",
        "here ",
        "`a",
        "`",
        "`` ",
        "|",
        "[",
        "]",
        "(",
    ),
    *("\t", "  ", "\n", "\n", "\r\n", "\n\n", "\n---\n", "\n|-|\n", "\n-\n", "\n```\n"),
)
KINDS = (MENTIONS, LINKS, CODE, BLOCKS, BLOCKS, UNSEEN, WORDS, WORDS, EMOJI)


def nasty(random: Random, most: int = 18, kinds: tuple[tuple[str, ...], ...] = KINDS) -> str:
    return "".join(random.choice(random.choice(kinds)) for _ in range(random.randint(1, most)))


def listing(random: Random) -> tuple[str, str]:
    """A fenced code block of its own, and its code."""
    lines = [
        nasty(random, 5, (CODE, LINKS, WORDS, ("    x = 1", "<b>", "a | b", "&lt;")))
        for _ in range(random.randint(1, 3))
    ]
    code = "\n".join(line for line in lines if "\n" not in line) + "\nlast()\n"
    marker = random.choice(("~" * 40, "`" * 40))
    return f"{marker}{random.choice(('py', '', 'c++ x'))}\n{code}{marker}\n", code
