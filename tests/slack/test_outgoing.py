"""What Slack gets to see of an answer: the Markdown as it was meant, and nothing that calls, leads astray or hides."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.slack.blocks import under
from bots.slack.outgoing import GROWTH, Growing, escaped, in_code, rendered
from core.conversation.values import Outcome
from core.relay.delivery import Footer
from core.relay.pages import pages
from tests.linear import is_linear
from tests.relay.markdown import wild
from tests.slack.mrkdwn import WITH_HTML, links, mentions, prose, traps
from tests.slack.nasty import KINDS
from tests.unseen import EMOJI, HIDDEN, unseen

Z = "\u200b"
nasty = st.lists(st.one_of(*map(st.sampled_from, KINDS)), max_size=14).map("".join)


@pytest.mark.parametrize(
    "text",
    [
        "# Head\n\n- a **b** _c_ ~~d~~\n  1. e\n- [ ] task\n- [x] done\n\n> quote\n> > more\n\n---\n",
        "```python title=x\ndef f(x: list[int]) -> str:\n\treturn f'[{x}](y)' & \"<b>\" # &lt;b&gt;\n```\n",
        "> ```\n> [a](b) ` \\\n> ```\n1. so\n   ~~~sh\n   a | b && c <d\n   ~~~\n",
        "    indented [a](https://example.org) <b>\n",
        "| a | `b \\| c` |\n|---|:-:|\n| `x[0](y)` | -1 |\n| | |\n",
        "The `List<String>` and ``a ` b`` and `[a](b)`; x[0] and f(x) and a < b && c > d, AT&T, &mdash; &amp; more.",
        "https://example.org/a_b?c=d&e=f#g, (https://example.org/a_(b)) or **https://example.org**.",
        "Mail a@b.org, see www.example.org or 10:30.",
        "[x] [^1] [[wiki]] \\[a\\] \\* \\`",
        "".join(EMOJI),
    ],
)
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    assert rendered(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[docs](https://example.org/a)", "docs (https://example.org/a)"),
        ("[https://example.org](https://example.org)", "https://example.org"),
        ("[example.org](https://example.org)", "https://example.org"),
        ("[](https://example.org)", "https://example.org"),
        ("[a.org](https://b.org 'title')", "a.org (https://b.org)"),
        ("[a.org is not](https://a.org)", "a.org is not (https://a.org)"),
        ("[`f.py`](src/f.py#L1)", "`f.py` (`src/f.py#L1`)"),
        ("![plan](https://example.org/i.png)", "plan (https://example.org/i.png)"),
        ("[![ci](https://a.org/i)](https://b.org)", "ci (https://a.org/i) (https://b.org)"),
        ("[a](javascript:alert(1))", "a (`javascript:alert(1)`)"),
        ("[a](<b c>)", "a (`b c`)"),
        ("[a]()", "a"),
        ("[mail](mailto:a@b.org)", "mail (mailto:a@b.org)"),
        ("[a](https://b.org)c", "a (https://b.org) c"),
        ("a[b](https://b.org)", f"a{Z}b (https://b.org)"),
        ("[a][b] and [b]: https://b.org", "[a]\\[b] and [b]\\: https://b.org"),
        ("[a][b](https://b.org)", f"[a]{Z}b (https://b.org)"),
        ("[a]( b", "[a]\\( b"),
        ("[a\\](https://b.org)", "[a\\]\\(https://b.org)"),
        ("[a\nb](https://b.org)", "[a\nb]\\(https://b.org)"),
        ("[# a](b)", "[# a]\\(b)"),
        ("[^1]: note", "[^1]\\: note"),
        ("<https://example.org>", "https://example.org"),
        ("x<https://example.org>y", "x https://example.org y"),
        ("<a@b.org>", "a@b.org"),
        ("https://good.org@evil.org/", "`https://good.org@evil.org/`"),
        ("https://xn--80ak6aa92e.com", "`https://xn--80ak6aa92e.com`"),
        ("https://www.xn--80ak6aa92e.com/", "`https://www.xn--80ak6aa92e.com/`"),
        ("https://аpple.com/", "`https://аpple.com/`"),
        ("slack://open, data:text/html,x", "`slack://open`, `data:text/html,x`"),
        ("见https://example.org。好", "见 https://example.org 。好"),
        ("https://example.org/?q=&lt;x&gt;", "`https://example.org/?q=&lt;x&gt;`"),
        ("<b>x</b> <!-- y -->", f"<{Z}b>x<{Z}/b> <{Z}!-- y -->"),
    ],
)
def test_links_show_where_they_lead(text: str, shown: str) -> None:
    assert rendered(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<!here> <@U1> <#C1|x>", f"<{Z}!here> <{Z}@U1> <{Z}#C1|x>"),
        ("`<!channel>` `<@W1>`", f"`<{Z}!channel>` `<{Z}@W1>`"),
        ("```\n<!subteam^S1> <@U1>\n<!-- <@Override> #include <CGAL.h>\n```", None),
        ("&lt;!here&gt;", f"&lt;{Z}!here&gt;"),
        ("&amp;lt;!here&amp;gt;", f"&amp;{Z}lt;!here&amp;gt;"),
        ("`&lt;!here&gt;`", f"`&lt;{Z}!here&gt;`"),
        ("`<&#104;`", "`<&#104;`"),
        ("`<&#33;here`", f"`<{Z}&#33;here`"),
        ("`<&excl;h&#101;re`", f"`<&{Z}excl;h&{Z}#101;re`"),
        ("`<https://evil.org|good>`", f"`<{Z}https://evil.org|good>`"),
        ("<\\!here>", f"<{Z}\\!here>"),
        ("\\<!here>", f"\\<{Z}!here>"),
        ("@here, @Channel and @[everyone](x)", f"@{Z}here, @{Z}Channel and @{Z}{Z}everyone (`x`)"),
        ("@`` ``here", f"@{Z}`` ``here"),
        ("`<@u1>`", f"`<{Z}@u1>`"),
        ("```<!here>\n```", f"```<{Z}!here>\n```"),
        ("`<https://a/`b|c>", f"`<{Z}https://a/`b|c>"),
    ],
)
def test_nobody_is_called(text: str, shown: str | None) -> None:
    expected = shown or text.replace("<!s", f"<{Z}!s").replace("<@U", f"<{Z}@U")
    assert rendered(text) == expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`a\nb` [c](https://d.org)", "\\`a\nb\\` c (https://d.org)"),
        ("``a` [c](d)", "\\`\\`a\\` c (`d`)"),
        ("\\`[c](https://d.org)`", f"\\`{Z}c (https://d.org) \\`"),
        ("a | b\n-|-\n`[c](https://d.org) | e`", f"a | b\n-|-\n\\`{Z}c (https://d.org) | e\\`"),
        ("`a | b`|c\n-|-\n", "`a | b`|c\n-\\|-\n"),
        ("`[a](b) | c`", "`[a](b) | c`"),
        ("a\n|-|\n`[b](c) | d`", "a\n\\|-\\|\n`[b](c) | d`"),
        (">\n    > `a\n", f">\n    {Z}> `a\n"),
        ("> a\n    > ```\n> [b](c)", f"> a\n    {Z}> \\`\\`\\`\n> b (`c`)"),
        ("~~~ a|b\n--|--\n[c](d)", "~~~ a¦b\n--|--\n[c](d)"),
        ("<div>\n```\n</div>\n\n[a](b)", f"<{Z}div>\n```\n</div>\n\n[a](b)"),
        ("```\na\n```\u200b\n[b](c)", "```\na\n```<U+200B>\n[b](c)"),
        ("\u200b    [a](b)", "    [a](b)"),
        ("|\\\n-\ne\n\t[a](b)", "|\\\n\\-\ne\n\ta (`b`)"),
    ],
)
def test_code_is_what_every_reader_takes_for_code(text: str, shown: str) -> None:
    assert rendered(text) == shown


def test_what_nobody_sees_is_gone_from_text_and_named_in_code() -> None:
    for character in (*HIDDEN, "\0"):
        assert rendered(f"a{character}b") == "ab", hex(ord(character))
        assert rendered(f"```\na{character}b\n```") == f"```\na<U+{ord(character):04X}>b\n```"
        assert escaped(f"a{character}b") == "ab"
    assert rendered("a\u2028b\x85c\ud800\r\nd\re") == "a b c\N{REPLACEMENT CHARACTER}\nd\ne"
    assert rendered("a&#8203;b&zwj;c&shy;") == f"a&{Z}#8203;b&{Z}zwj;c&{Z}shy;"
    black_flag = "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbhidden") + "\U000e007f"
    assert rendered(black_flag) == "\U0001f3f4"


@pytest.mark.parametrize("emoji", EMOJI)
def test_emoji_stay_whole(emoji: str) -> None:
    assert rendered(f"a{emoji}b `{emoji}`\n```\n{emoji}\n```") == f"a{emoji}b `{emoji}`\n```\n{emoji}\n```"
    assert emoji.replace("*", "\u2217") in escaped(emoji)


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]) | st.sampled_from("\n\n\té日")), st.booleans())
def test_code_keeps_its_bytes(inside: str, quoted: bool) -> None:
    fence = "`" * 200
    text = f"{fence}py\n{inside}\n{fence}\n"
    if mentions(inside):
        return
    text = "".join(f"> {line}" for line in text.splitlines(keepends=True)) if quoted else text
    assert rendered(text) == text


@pytest.mark.timeout(600)  # all of it is work of the processor
@given(nasty | wild)
@settings(max_examples=50, deadline=None)
def test_what_was_shown_stays_whatever_follows(text: str) -> None:
    whole = rendered(text)
    for cut in range(0, len(text) + 1, max(1, len(text) // 150)):
        known = Growing().streamable(text[:cut])
        assert text.startswith(known)
        assert whole.startswith(rendered(known))


@pytest.mark.timeout(600)  # all of it is work of the processor
@given(nasty | wild)
@settings(max_examples=25, deadline=None)
def test_what_was_shown_of_a_page_stays_while_its_code_grows(text: str) -> None:
    whole = pages(text, 9_000)
    for cut in range(0, len(text) + 1, max(1, len(text) // 100)):
        for growing, page in zip(pages(text[:cut], 9_000), whole, strict=False):
            assert rendered(page.text).startswith(rendered(Growing().streamable(growing.text)))


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("a\nb", "a\n"),
        ("a\r", ""),
        ("a\r\n", "a\r\n"),
        ("a\rb", "a\r"),
        ("so\na | b\n", "so\n"),
        ("so\r\na | b\r\n", "so\r\n"),
        ("a | b\n-|-\n", "a | b\n-|-\n"),
        ("```\na | b\n", "```\na | b\n"),
        ("```\na\nb\n```", "```\na\n"),  # the line may go on, and the fence be the page's own
        ("```\na\nb\n```\n", "```\na\nb\n```\n"),
        ("> ~~~\n> a\n> ~~~", "> ~~~\n"),
        ("", ""),
    ],
)
def test_whole_lines_are_shown_at_once_but_what_may_head_a_table(text: str, known: str) -> None:
    assert Growing().streamable(text) == known


@pytest.mark.parametrize(
    ("known", "more"),
    [
        ("The routes, as far as I see: ", "they"),
        ("A line.\nThe routes stand in `src/app.ts`, ", "and"),
        ("**Routes** ", "stand"),
        ("`app.ts` holds ", "`a | b` "),
        ("see ", "www.example.org and"),
        ("see ", "https://example.org and"),
        ("call ", "tel:110 or"),
        ("so ", "[a](b) "),
        ("so ", "<b> "),
        ("so ", "@here "),
        ("so ", "&lt; "),
        ("so ", "`a b"),
        ("so ", "``a` b"),
        ("so ", "\\` b"),
        ("so ", "a\u200b b"),
        ("so a ", "| b "),
        ("a | b\nand ", "so"),  # no line of a table follows
        ("- a\n", "- b c"),  # what stands behind a marker waits for its end
        ("", "    a b"),
        ("", "> a b"),
        ("```\nx = 1\n", "y = 2 "),
    ],
)
def test_the_words_a_paragraph_begins_with_are_shown_before_it_ends(known: str, more: str) -> None:
    assert Growing().streamable(known + more) == known


def test_words_that_were_shown_stay_in_a_text_that_would_grow_too_long() -> None:
    text = "<a" * 2_400 + "\nThe `app` says: " + "&lt;!here " * 300
    assert Growing().streamable(text).endswith("The `app` says: ")
    assert "The `app` says: ＆lt;!here" in rendered(text)


@given(nasty | wild)
@settings(max_examples=100, deadline=None)
def test_what_was_made_harmless_is_harmless_when_made_so_again(text: str) -> None:
    for shown in (rendered(text), rendered(rendered(text))):
        parsed = WITH_HTML.parse(shown)
        assert not mentions(shown)
        assert not unseen(shown)
        assert not links(parsed)
        assert not traps(prose(parsed)[1])


@pytest.mark.parametrize(
    "text",
    [
        "<a" * 5_000,
        "`" * 9_000,
        "a`" * 4_500,
        "[a]:" * 3_000,
        "```\n" + "\u202e" * 9_000,
        "&lt;!here " * 900,
        "a|b\n" * 2_250,
    ],
)
def test_no_text_outgrows_its_post(text: str) -> None:
    shown = rendered(text)
    assert len(shown) <= len(text) + GROWTH
    assert not mentions(shown)
    assert not links(WITH_HTML.parse(shown))
    assert not unseen(shown)
    for cut in range(0, len(text), 997):
        assert shown.startswith(rendered(Growing().streamable(text[:cut])))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a & <b> \"c\" 'd'", "a &amp; &lt;b&gt; \"c\" 'd'"),
        ("<!here> <@U1>", f"&lt;{Z}!here&gt; &lt;{Z}@U1&gt;"),
        ("&lt;!here&gt;", f"&amp;lt;{Z}!here&amp;gt;"),
        ("@channel", f"@{Z}channel"),
        ("*a* ~b~ `c` my_repo_x", "∗a∗ ∼b∼ ˋcˋ my_repo_x"),
        ("_a_ b", "＿a＿ b"),
        ("> a", f"{Z}&gt; a"),
        (":tada: 10:30", f":{Z}tada: 10:30"),
    ],
)
def test_plain_text_for_fields(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("github.com/acme/_site", "github.com/acme/_site"),
        ("git.acme.io/~bob/x:8443:*", "git.acme.io/~bob/x:8443:*"),
        ("a`b", "aˋb"),
        ("<@U1> & <!here>", f"&lt;{Z}@U1&gt; &amp; &lt;{Z}!here&gt;"),
        ("a\nb\u202ec", "a bc"),
    ],
)
def test_names_between_backticks(text: str, shown: str) -> None:
    assert in_code(text) == shown
    footer = Footer(Outcome.ANSWERED, text, None, 3.0)
    assert f"`{shown}` · 3 seconds" in json.dumps(under(footer, "t1"), ensure_ascii=False)


@given(nasty)
def test_no_field_formats_or_calls(text: str) -> None:
    shown = escaped(text)
    assert not mentions(shown)
    assert not unseen(shown)
    assert not set(shown) & set("<>*`~")
    between = in_code(text)
    assert not mentions(between)
    assert not unseen(between)
    assert not set(between) & set("<>`\n")


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "a [b](https://c.org) `d` <e>\n",
            "[",
            "](",
            "[a](",
            "`a``b",
            "https://",
            "https://a*",
            "&amp;",
            "<https://a",
            "\\",
        ),
        *(
            "| a | b |\n|-|-|\n",
            "a | b\n",
            "> - ```\n",
            "|-",
            "🏴",
            "👩\u200d",
            "[[a](b)](c)",
            "@",
            "![",
            "data:x)",
            "a.-",
        ),
    ],
)
def test_the_work_is_linear(unit: str) -> None:
    assert is_linear(lambda text: (rendered(text), escaped(text), Growing().streamable(text)), unit, 32_000)
