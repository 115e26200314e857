"""One quiet look for every page: no script, nothing from elsewhere, light and dark, usable at phone width.

What is given as text is escaped here; what is given as `Html` is ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from html import escape
from http import HTTPStatus
from typing import NewType

from markdown_it import MarkdownIt
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from core import logs
from core.errors import AskrepoError, DatabaseError, MappingError
from core.wording import sentence

log = logs.get(__name__)

Html = NewType("Html", str)

MOST_OCTETS = 16_384  # of a form's body
_BODY_SECONDS = 10.0
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_STYLE = """
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --ink: #1b2230; --quiet: #545d6d; --line: #878f9d;
  --edge: #dfe2e8; --act: #1d4ed8; --on-act: #fff; --bad: #b42318; --bad-page: #fdf1ef; --good: #067647; }
@media (prefers-color-scheme: dark) { :root { --page: #12151b; --card: #1b2029; --ink: #e8ebf1; --quiet: #a4adbc;
  --line: #6d7788; --edge: #2c3340; --act: #8ab0ff; --on-act: #0d1526; --bad: #ff9c90; --bad-page: #35201f;
  --good: #6cd9a4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 34rem; margin: 12vh auto 2rem; padding: 2rem; background: var(--card); border: 1px solid var(--edge);
  border-radius: .75rem; }
@media (max-width: 36rem) { main { margin: 0; min-height: 100vh; min-height: 100svh; padding: 1.5rem 1.25rem;
  border: 0; border-radius: 0; } }
h1 { font-size: 1.45rem; line-height: 1.25; margin: 0 0 1rem; text-wrap: balance; }
p, ul, dl, form { margin: 0 0 1rem; } ul { padding-left: 1.25rem; } li { margin: .3rem 0; }
main > :last-child, form > :last-child { margin-bottom: 0; }
p, li, dd, h1 { overflow-wrap: anywhere; }
code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  background: var(--page); border-radius: .25rem; padding: .1em .3em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1rem; }
dt { color: var(--quiet); } dd { margin: 0; min-width: 0; }
label { display: block; font-weight: 600; margin-bottom: .3rem; }
label small { font-weight: 400; color: var(--quiet); }
input { display: block; width: 100%; font: inherit; color: inherit; background: var(--card); padding: .6rem .75rem;
  border: 1px solid var(--line); border-radius: .5rem; margin-bottom: 1.1rem; }
input[aria-invalid] { border-color: var(--bad); }
a { color: var(--act); }
button, .button { display: inline-block; font: inherit; font-weight: 600; color: var(--on-act); background: var(--act);
  border: 0; border-radius: .5rem; padding: .7rem 1.25rem; text-decoration: none; cursor: pointer; }
@media (max-width: 36rem) { button, .button { display: block; width: 100%; text-align: center; } }
button:hover, .button:hover { filter: brightness(1.1); }
:focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
.quiet { color: var(--quiet); font-size: .9rem; }
.bad { color: var(--bad); background: var(--bad-page); border-radius: .5rem; padding: .7rem .9rem; }
.bad code { background: transparent; padding: 0; }
.good { color: var(--good); }
"""
_STATUS = ((DatabaseError, HTTPStatus.SERVICE_UNAVAILABLE), (MappingError, HTTPStatus.CONFLICT))
_markdown = MarkdownIt("zero").enable(["backticks", "emphasis", "escape", "entity"])


def prose(markdown: str) -> Html:
    """A sentence of wording.py: inline code and emphasis are shown as such, all else as it is written."""
    return Html(_markdown.renderInline(markdown))


def text(plain: str) -> Html:
    """A text as it is."""
    return Html(escape(plain))


def paragraph(inner: Html, kind: str = "") -> Html:
    """A paragraph; `kind` is "", "quiet", "bad" (announced by screen readers) or "good"."""
    attributes = f' class="{kind}"' if kind else ""
    if kind == "bad":
        attributes += ' role="alert" id="problem"'
    return Html(f"<p{attributes}>{inner}</p>")


def page(title: str, *body: Html, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """A whole page under this headline."""
    document = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · askrepo</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{''.join(body)}</main></body></html>\n"
    )
    return HTMLResponse(document, status_code=status, headers=_HEADERS | (headers or {}))


Show = Callable[[Request], Awaitable[Response]]


def shown(show: Show) -> Show:
    """The handler of a page that shows a page whatever happens to it."""

    async def guarded(request: Request) -> Response:
        try:
            return await show(request)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.NO_CONTENT)  # to nobody
        except AskrepoError as error:
            log.warning("page failed", reason=type(error).__name__)
            status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.BAD_GATEWAY)
            return page("That did not work", paragraph(prose(sentence(error)), "bad"), status=status)
        except Exception:
            log.exception("page failed")
            problem = paragraph(prose(sentence(AskrepoError())), "bad")
            return page("That did not work", problem, status=HTTPStatus.INTERNAL_SERVER_ERROR)

    return guarded


async def body_of(request: Request) -> bytes | None:
    """The body of a form; None if it is larger or slower than any form of ours. Raises ClientDisconnect."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for octets in request.stream():
                body += octets
                if len(body) > MOST_OCTETS:
                    return None
    except TimeoutError:
        return None
    return bytes(body)
