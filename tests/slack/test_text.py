"""Message text as people read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.slack.text import calls_others, mentioned, readable, without_mention


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("&amp;lt; &amp;amp;lt;", "&lt; &amp;lt;"),
        ("&quot; &nbsp; &#39;", "&quot; &nbsp; &#39;"),
        ("<@U0ANNA0001> and <@U0ANNA0001|anna>", "@U0ANNA0001 and @anna"),
        ("<#C0CODE0001|code> <#C0CODE0001|> <#C0CODE0001>", "#code #C0CODE0001 #C0CODE0001"),
        ("<!here> <!channel|channel> <!subteam^S0TEAM0001|@devs>", "@here @channel @devs"),
        ("<!subteam^S0TEAM0001>", "@S0TEAM0001"),
        ("<!date^1760000000^{date} at {time}^https://example.com/|9 October>", "9 October"),
        ("<!date^1760000000^{date}>", "2025-10-09 08:53 UTC"),
        ("<!date^99999999999999^{date}>", "@date^99999999999999^{date}"),
        ("<!date^-99999999999^{date}>", "-99999999999"),
        ("<https://example.com/a?b=1&amp;c=2>", "https://example.com/a?b=1&c=2"),
        ("<https://example.com/a|the page>", "the page (https://example.com/a)"),
        ("<https://example.com|example.com>", "example.com"),
        ("<http://example.com/x|http://example.com/x>", "http://example.com/x"),
        ("<https://evil.example|example.com>", "example.com (https://evil.example)"),
        ("<mailto:a@example.com|a@example.com>", "a@example.com"),
        ("<mailto:a@example.com>", "a@example.com"),
        ("List<String> and <b>, <ul>", "List<String> and <b>, <ul>"),
        ("std::vector<std::string>", "std::vector<std::string>"),
        ("a < b and c > d", "a < b and c > d"),
        ("```x &lt; y```", "```\nx < y\n```"),
        ("see ```a\n  b``` there", "see \n```\na\n  b\n```\n there"),
        ("```\na\n```", "```\na\n```"),
        ("`a&lt;b&gt;` *bold* _it_", "`a<b>` *bold* _it_"),
        ("&gt; quoted\nanswer", "> quoted\nanswer"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\u200bb\u202ec\ufeffd\u00ade\U000e0041f\u2060g\x00h\ufe0fi", "abcdefgh\ufe0fi"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 \u0645\u06cc\u200c\u062e", None),
        ("a\u200db \u200d", "ab"),
        ("\u200d\u2064 \t", ""),
        ("  spaced\ttext \n", "spaced\ttext"),
    ],
)
def test_text(raw: str, read: str | None) -> None:
    assert readable(raw) == (raw if read is None else read)


@given(st.text())
def test_escaped_text_reads_as_it_was_written_but_for_what_is_not_seen(written: str) -> None:
    escaped = written.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = "".join(letter for letter in written if " " <= letter <= "~" and letter != "`")
    read = "".join(letter for letter in readable(escaped) if " " <= letter <= "~" and letter != "`")
    assert read.strip() == plain.strip()


@given(st.text("<>|@#!&;:^/ abUC0`\u200d\n"))
def test_any_text_can_be_read(raw: str) -> None:
    read = readable(raw)
    assert read == read.strip()
    assert "\u200b" not in read
    calls_others(raw, "U0BOT00001")


def test_mentions() -> None:
    raw = "<@U0BOT00001> ask <@W0BERT0001|bert>, not &lt;@U0ANNA0001&gt; in <#C0CODE0001>"
    assert mentioned(raw) == {"U0BOT00001", "W0BERT0001"}
    assert without_mention(raw, "W0BERT0001") == "<@U0BOT00001> ask, not &lt;@U0ANNA0001&gt; in <#C0CODE0001>"


@pytest.mark.parametrize(
    "unit", [" ", "<", "<@", "`", "```", "&", "<!date^", "<a:", "\u200d", "|", "<https://", "<@U0BOT00001>"]
)
def test_long_texts_take_no_time_that_grows_with_their_square(unit: str) -> None:
    raw = "a" + unit * (300_000 // len(unit))
    readable(without_mention(raw, "U0BOT00001"))  # by the square, this would outlast the time a test has
    calls_others(raw, "U0BOT00001")
