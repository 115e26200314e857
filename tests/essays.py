"""Answers of a wanted length, and known again wherever they are cut."""

from __future__ import annotations


def lines(number: int) -> str:
    """An answer that every platform shows as it is, every line unlike the others."""
    return "".join(f"Line {place} of the answer.\n" for place in range(number)) + "And that is all."


def essay(length: int, *, first: int = 1) -> str:
    """An answer of about this length with everything that makes cutting hard; steps are longer, the later they come."""
    parts, at = ["# What happens at login\n\n"], first - 1
    while sum(map(len, parts)) < length:
        at += 1
        parts.append(
            f"## Step {at}\n\nThe [session](https://example.com/doc/{at}) is *made* in `core/login{at}.py`. " * 2
        )
        code = "".join(f"    if step == {at}: return {number}  # <why?>\n" for number in range(at % 40))
        parts.append(f"\n\n```python\ndef step_{at}():\n{code}    return None\n```\n\n")
        rows = "".join(f"| row {at}.{number} | `{number}` | yes |\n" for number in range(at % 23))
        parts.append(f"| name | value | sure |\n| --- | --- | --- |\n{rows}\n- first {at}\n  - second {at}\n\n")
    return "".join(parts) + "The end."
