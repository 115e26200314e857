"""What a service sent behind the end of a response: the pool would take it for the answer to the next question."""

from __future__ import annotations

from typing import Any

import httpx

# From a response to the reader of its connection; httpx and httpcore have no public way there.
_WAY = ("stream", "_stream", "_httpcore_stream", "_stream", "_connection", "_h11_state")


async def refuse_leftover(response: httpx.Response) -> bool:
    """Before a response is closed: close its connection if more than the response came over it; whether it did.

    A connection whose reader is not found is closed too.
    """
    reader: Any = response
    for name in _WAY:
        reader = getattr(reader, name, None)
    if reader is not None and not reader.trailing_data[0]:
        return False
    await response.extensions["network_stream"].aclose()
    return reader is None or reader.their_state.__name__ == "DONE"  # else it is only the rest that nobody read
