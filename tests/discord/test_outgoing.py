"""What Discord gets to see of an answer: the Markdown as it was meant, nothing that calls, leads astray or hides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.discord.outgoing import GROWTH, PAGE, escaped, rendered
from core.relay.pages import pages
from tests.discord.markdown import seen
from tests.discord.nasty import KINDS
from tests.discord.test_outgoing_fuzz import assert_harmless, holdable
from tests.linear import is_linear
from tests.relay.markdown import wild
from tests.unseen import EMOJI, HIDDEN

Z = "\u200b"
nasty = st.lists(st.one_of(*map(st.sampled_from, KINDS)), max_size=14).map("".join)


@pytest.mark.parametrize(
    "text",
    [
        "a\n\n# Head\n## Two\n### Three\n- a **b** _c_ ~~d~~\n  - e\n    more\n- f\n\n> quote\n> \n> more\n\n---",
        "9. nine\n10. ten\n    - deep\n11. eleven",
        "```python\ndef f(x: list[int]) -> str:\n\treturn f'[{x}](y)' & \"<b>\" # &lt;b&gt; @here <@1> ` `` \\\n```",
        "> ```\n> [a](b) ` \\\n> \n> ```",
        "The `List<String>`, ``a ` b``, `` ` ``, `[a](b)`, `@here`, `<@1>` and `*` _`x`_ **`y`**.",
        "**_a_ b** _a **b**_ ~~**a**~~ **a** _b_",
        "Cost ~ 5 $ & x > y - z # 1, a + b = c; {d} (e)!".replace("~", "about"),
        "Mail a@b.org, see www.example.org or 10:30, AT&T; :tada: 3.14",
        "".join(EMOJI).replace("*", ""),
    ],
)
def test_what_discord_understands_stays_as_it_is(text: str) -> None:
    assert rendered(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Title\n===\n\nSub\n---", "# Title\n## Sub"),
        ("> # a\n>\n> ```\n> b\n> ```\n>\n> c\n\nd", "> # a\n> ```\n> b\n> ```\n> c\n\nd"),
        ("#### Deep **x** `y`", "**Deep x `y`**"),
        ("# C#", "**C#**"),
        ("# a #", "# a"),
        ("- # a", "- **a**"),
        ("> # a", "> # a"),
        ("* a\n+ b", "- a\n- b"),
        ("1) a\n2) b", "1. a\n2. b"),
        ("- a\n\n- b\n\n  c", "- a\n- b\n  c"),
        ("*a* __b__ *__c__*", "_a_ **b** _**c**_"),
        ("a*b*c", "a*b*c"),
        ("**a `b**` c**", "a `b**` c"),
        ("**a *b*c**", "**a bc**"),
        ("_a `b_` c_ *d `e_*`*", "*a `b_` c* d `e_*`"),
        ("**a** *b*", "**a** _b_"),
        ("**a**&#8203;**b**", "**a** **b**"),
        ("**&#8203;**", "…"),
        ("~~a~~_b_", "~~a~~ _b_"),
        ("*a ~~b~~* *c_d*", "*a ~~b~~* _c\\_d_"),
        ("a*\u3164 b*c d*e*f", "a bc d*e*f"),
        ("> a\n> > b\n> > - c", "> a\n> \\> b\n> \\> - c"),
        ("a  \nb\\\nc", "a\nb\nc"),
        ("***", "---"),
        ("- [ ] a", "- \\[ ] a"),
        ("-", "-"),
        ("- \n  > a\n- b", "-\n> a\n- b"),
        ("- > # a", "-\n> # a"),
        ("> - > # a", "> - \\> **a**"),
        ("a\r\nb\rc\r\rd\r\n\r\ne", "a\nb\nc\n\nd\n\ne"),
        ("", ""),
        (" \n\n", ""),
        ("&#8203;", "…"),
    ],
)
def test_what_it_understands_otherwise_is_said_its_way(text: str, shown: str) -> None:
    assert rendered(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[docs](https://example.org/a_b)", "docs (<https://example.org/a_b>)"),
        ("[**docs**](https://example.org) x", "**docs** (<https://example.org>) x"),
        ("[https://example.org](https://example.org)", "<https://example.org>"),
        ("[example.org](https://example.org)", "<https://example.org>"),
        ("[](https://example.org)", "<https://example.org>"),
        ("[a.org](https://b.org 'title')", "a.org (<https://b.org>)"),
        ("[https://a.org](https://b.org)", "<https://a.org> (<https://b.org>)"),
        ("[`f.py`](src/f.py#L1)", "`f.py` (`src/f.py#L1`)"),
        ("![plan](https://example.org/i.png)", "plan (<https://example.org/i.png>)"),
        ("[![ci](https://a.org/i)](https://b.org)", "ci (<https://a.org/i>) (<https://b.org>)"),
        ("[a](javascript:alert(1))", "a (`javascript:alert(1)`)"),
        ("[a](https://аpple.com/)", "a (`https://аpple.com/`)"),
        ("[a](www.example.org)", "a (`www.example.org`)"),
        ("[a]()", "a"),
        ("[a][b]\n\n[b]: https://b.org", "\\[a]\\[b]\n\n\\[b]: <https://b.org>"),
        ("[a]\\(https://b.org)", "\\[a]\\(<https://b.org>)"),
        ("[see `a](https://b.org)`", "\\[see `a](https://b.org)`"),
        ("<https://example.org>", "<https://example.org>"),
        ("x<https://example.org>y", "x<https://example.org>y"),
        ("<a@b.org> <std::vector> <t:1>", "a@b.org \\<std::vector> \\<t:1>"),
        ("(https://example.org/a_(b)), https://example.org.", "(<https://example.org/a_(b)>), <https://example.org>."),
        ("**https://example.org/__init__.py**", "**<https://example.org/__init__.py>**"),
        ("**https://example.org**,b **c**", "**<https://example.org>**,b **c**"),
        ("_https://example.org/a_b_", "*<https://example.org/a_b>*"),
        ("https://example.org/*a*b", "`https://example.org/*a*b`"),
        ("https:/[/example.org](x)", "<https://example.org> (`x`)"),
        ("https\\://example.org and https://", "<https://example.org> and https:\\//"),
        ("https://good.org@evil.org/", "`https://good.org@evil.org/`"),
        ("https://xn--80ak6aa92e.com", "`https://xn--80ak6aa92e.com`"),
        ("https://аpple.com/ ftp://a.org steam://run/1", "`https://аpple.com/` `ftp://a.org` `steam://run/1`"),
        ("见https://example.org。好", "见<https://example.org>。好"),
        ("discord.gg/x Discord.GG/x discordapp.com/x", "discord\\.gg/x Discord\\.GG/x discordapp\\.com/x"),
        ("https://discord.gg/x https://Discord.gg", "`https://discord.gg/x` `https://Discord.gg`"),
        ("https://discord.com/channels/1/2", "`https://discord.com/channels/1/2`"),
        ("https://e.org/@everyone [a](https://e.org/@here)", "`https://e.org/@everyone` a (`https://e.org/@here`)"),
        ("https://discord.com/developers/docs", "<https://discord.com/developers/docs>"),
        ("`a`&#8203;https://xn--a.b", "`a` `https://xn--a.b`"),
    ],
)
def test_links_show_where_they_lead(text: str, shown: str) -> None:
    assert rendered(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("@everyone @here a@here.org", "\\@everyone \\@here a\\@here.org"),
        ("@Everyone @HERE", "\\@Everyone \\@HERE"),
        ("\\@everyone \\\\@here", "\\@everyone \\\\\\@here"),
        (f"@{Z}everyone", "\\@everyone"),
        ("@**every**one @every<b>one", "@**every**one @every\\<b>one"),
        ("<@1> <@!1> <@&1> <#1>", "\\<\\@1> \\<\\@!1> \\<\\@&1> \\<#1>"),
        ("&lt;@1&gt; <&#64;1>", "\\<\\@1> \\<\\@1>"),
        ("</cmd sub:1> <id:customize> <1:guide>", "\\</cmd sub:1> \\<id:customize> \\<1:guide>"),
        ("<t:1:R> <:x:1> <a:x:1>", "\\<t:1:R> \\<:x:1> \\<a:x:1>"),
        ("||a|| b|c", "\\|\\|a\\|\\| b\\|c"),
        ("<b>x</b> <!-- y -->", "\\<b>x\\</b> \\<!-- y -->"),
    ],
)
def test_nobody_is_called_and_nothing_hidden(text: str, shown: str) -> None:
    assert rendered(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\\# a", "\\# a"),
        ("\\- a\n\\-# b", "\\- a\n\\-# b"),
        ("-# a", "\\-# a"),
        ("\\> a\n\\>>> b", "\\> a\n\\>>> b"),
        ("1\\. a", "1\\. a"),
        ("a\n14. b", "a\n14\\. b"),
        ("**\\# a** *\\- b*", "**\\# a** _- b_"),
        (f"{Z}# a", "\\# a"),
        ("&#35; a", "\\# a"),
        ("- \\- a", "- \\- a"),
        ("# \\# a", "# \\# a"),
        ("\\## a", "\\## a"),
        ("\\* \\_ \\~ \\` \\[ \\| \\\\", "\\* \\_ \\~ \\` \\[ \\| \\\\"),
        ("a * b snake_case *open `open", "a \\* b snake\\_case \\*open \\`open"),
        ("a - b # c > d 1. e", "a - b # c > d 1. e"),
    ],
)
def test_words_that_look_like_markdown_are_words(text: str, shown: str) -> None:
    assert rendered(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("~~~py\na\n~~~", "```py\na\n```"),
        ("```json title=a.json\na\n```", "```json\na\n```"),
        ("```c#\na\n```", "```cs\na\n```"),
        ("```{.r}\na\n```", "```\na\n```"),
        ("```py\na", "```py\na\n```"),
        ("```py", "```py\n \n```"),
        ("```\n\n\n```", "```\n \n```"),
        ("    a\n\tb", "```\na\nb\n```"),
        ("````\n```py\na\n```\n````", "` ```py\na\n``` `"),
        ("````\n```py\n`a`\n```\n````", "`` ```py\n`a`\n``` ``"),
        ("````\n```py\n``a``\n```\n````", "` ```py\n``a``\n``` `"),
        ("````\n```\n``a`` `b`\n````", "```\n``ˋ\n``a`` `b`\n```"),
        ("```` ```x ````", "` ```x`"),
        ("``` `a` ``b`` ```", "`ˋaˋ ˋˋbˋˋ`"),
        ("1. a\n   ```\n   b\n\n   c\n   ```\n   d\n2. e", "1. a\n```\nb\n\nc\n```\n   d\n2. e"),
        ("- ```\n  a\n  ```", "-\n```\na\n```"),
        ("> > ```\n> > a\n> > ```", "> ```\n> a\n> ```"),
        ("> - ```\n>   a\n>   ```", "> -\n> ```\n> a\n> ```"),
        ("- > ```\n  > a\n  > ```", "-\n> ```\n> a\n> ```"),
    ],
)
def test_code_cannot_be_left_before_its_end(text: str, shown: str) -> None:
    assert rendered(text) == shown


@given(
    st.lists(
        st.sampled_from(["x", "`", "``", "```", "*", "\\", " ", "\t", "é日🙂", "<@1>", "> ", "- "]), min_size=1
    ).map("".join),
    st.sampled_from(["", "> ", "- ", "> > ", "1. "]),
)
def test_code_keeps_its_bytes(inside: str, prefix: str) -> None:
    code = f"first\n{inside}\n\nlast"
    further = "".join(character if character == ">" else " " for character in prefix)
    fence = "~" * 200
    text = prefix + f"{fence}py\n{code}\n{fence}\n".replace("\n", f"\n{further}")
    assert seen(rendered(text)).code == [holdable(code)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "| Name | Size |\n|:-----|-----:|\n| `a.py` | 7 |\n| **日本** | [l](https://x.org) |",
            "```\nName               Size\n----  -----------------\na.py                  7\n日本  l (https://x.org)\n```",
        ),
        ("a|b\n-|-\nc", "```\na  b\n-  -\nc\n```"),
        ("- | a |\n  |---|\n  | b |", "-\n```\na\n-\nb\n```"),
        ("> | a |\n> |---|", "> ```\n> a\n> -\n> ```"),
        ("| a \\| b |\n|---|", "```\na | b\n-----\n```"),
        (
            f"| Name | Meaning |\n|---|---|\n| `x` | {'so *much* ' * 8}|\n| | [l](https://x.org) |",
            f"**Name · Meaning**\n- `x` · {'so _much_ ' * 8}".rstrip() + "\n- · l (<https://x.org>)",
        ),
        ("| a |\n|---|\n| ` ``` ` |", "**a**\n- ` ``` `"),
    ],
)
def test_tables_are_aligned_or_listed(text: str, shown: str) -> None:
    assert rendered(text) == shown


def test_what_nobody_sees_is_gone_from_text_and_named_in_code() -> None:
    for character in HIDDEN:
        assert rendered(f"a{character}b") == "ab", hex(ord(character))
        assert rendered(f"```\na{character}b\n```") == f"```\na<U+{ord(character):04X}>b\n```"
        assert rendered(f"`a{character}b`") == f"`a<U+{ord(character):04X}>b`"
        assert rendered(f"`{character}`") == f"`<U+{ord(character):04X}>`"
        assert f"a<U+{ord(character):04X}>b" in rendered(f"| code |\n| --- |\n| `a{character}b` |")
        assert f"c<U+{ord(character):04X}>d" in rendered(f"| link |\n| --- |\n| [x](<b:c{character}d>) |")
        assert rendered(f"a|b\n-|-\n{character}|d") == "```\na  b\n-  -\n   d\n```"
        assert escaped(f"a{character}b") == "ab"
    assert rendered(f"```\na{Z * 200}b\n```") == "```\nab\n```"
    assert rendered("a\u2028b\x85c\ud800") == "a b c\N{REPLACEMENT CHARACTER}"
    assert rendered("a&#8203;b&zwj;c&shy;") == "abc"


@pytest.mark.parametrize("emoji", EMOJI)
def test_emoji_stay_whole(emoji: str) -> None:
    shown = emoji.replace("*", "\\*")
    assert rendered(f"a{emoji}b `{emoji}`\n```\n{emoji}\n```") == f"a{shown}b `{emoji}`\n```\n{emoji}\n```"
    assert escaped(emoji) == shown


@pytest.mark.parametrize(
    "text",
    [
        "<a" * 5_000, "`" * 9_000, "a`" * 4_500, "[a]:" * 3_000, "```\n" + "\u202e" * 9_000, "&lt;@1&gt; " * 900,
        "a|b\n-|-\n" * 1_100, "> " * 3_000, "- " * 3_000 + "a", "*a*b" * 2_000, "https://a.b\n\n" * 900,
        "~~~\n\n~~~\n" * 900, "@here\n" * 900, "discord.gg/x\n" * 900, "1. a\n   > `b\n" * 900, "\\" * 5_000,
        "# C#\n" * 900, "https://" * 900,
    ],
)  # fmt: skip
def test_no_text_outgrows_its_post(text: str) -> None:
    for start in (text[:PAGE], text):
        shown = rendered(start)
        assert len(shown) <= len(start) + GROWTH
        assert_harmless(shown)
    assert PAGE + GROWTH + 150 <= 2_000


def test_a_block_that_takes_too_much_is_shown_with_look_alikes_and_the_others_as_they_are() -> None:
    text = f"**a** `b`\n\n{'<@1> ' * 200}\n\n```py\n<c>\n```\n\n- d **e**"
    assert rendered(text) == f"**a** `b`\n\n{'‹＠1› ' * 200}".rstrip() + "\n\n```py\n<c>\n```\n- d **e**"


def test_nothing_is_lost_that_stands_too_deep() -> None:
    assert rendered("> " * 30 + "a [b](https://c.org)") == ("› " * 30 + "a ［b](https：//c.org)")


@given(nasty | wild)
@settings(max_examples=50, deadline=None)
def test_a_growing_text_is_harmless_wherever_it_ends(text: str) -> None:
    for cut in range(0, len(text) + 1, max(1, len(text) // 25)):
        start = text[:cut].rstrip("".join(EMOJI))
        shown = rendered(start)
        assert len(shown) <= cut + GROWTH
        assert shown or not start.strip()
        assert_harmless(shown)


@given(nasty | wild)
@settings(max_examples=60, deadline=None)
def test_every_page_fits_into_a_post(text: str) -> None:
    for page in pages(text * 3, PAGE):
        assert len(rendered(page.text)) <= 2_000 - 150


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("acme/api_v2 · gpt-5", "acme/api\\_v2 · gpt-5"),
        ("@here <@1> <#1>", "\\@here \\<\\@1> \\<#1>"),
        ("*a* ~b~ `c` ||d|| [e](https://f.org)", "\\*a\\* \\~b\\~ \\`c\\` \\|\\|d\\|\\| \\[e]\\(https:\\//f.org)"),
        ("# a\n> b", "\\# a > b"),
        ("-# a", "\\-# a"),
        ("1. a", "1\\. a"),
        (":tada: 10:30 discord.gg/x", "\\:tada: 10:30 discord\\.gg/x"),
        ("&lt;", "&lt;"),
    ],
)
def test_plain_words_are_shown_as_they_are(text: str, shown: str) -> None:
    assert escaped(text) == shown
    assert seen(shown).text == " ".join(text.split())


@pytest.mark.parametrize(
    "unit",
    [
        "a [b](https://c.org) `d` <e>\n", "[", "](", "[a](", "`a``b", "https://", "https://a*", "&amp;", "<https://a",
        "\\", "| a | b |\n|-|-|\n", "a | b\n", "a|b\n-|-\n", "> - ```\n", "|-", "🏴", "👩\u200d", "[[a](b)](c)", "@",
        "![", "data:x)", "a.-", "**a** ", "***a** b*", "*a", "~~a", "- a\n  ", "> ", "-\n", "a\n===\n", "# a\n",
        "```\nx\n```\n", "a:", "discord.gg/",
    ],
)  # fmt: skip
def test_the_work_is_linear(unit: str) -> None:
    assert is_linear(lambda text: (rendered(text), escaped(text)), unit, 16_000)


@pytest.mark.parametrize("between", ["_\u200b_", "*\u200b*", "~~\u200b~~"])
def test_code_with_nothing_that_is_seen_between_stays_apart(between: str) -> None:
    assert seen(rendered(f"`a`{between}`b`")).code == ["a", "b"]
