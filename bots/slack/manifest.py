"""The app's manifest, ready to paste."""

from __future__ import annotations

import json
from importlib.resources import files

PLACES = ("$events", "$redirect")  # a line of the template that holds one is left out where there is no such URL


def manifest(public_url: str | None, *, socket_mode: bool) -> str:
    """The manifest as YAML, for Socket Mode or for HTTP at `public_url`, which HTTP cannot do without.

    The URL of installing by OAuth is in it wherever there is a public URL.
    """
    if public_url is None and not socket_mode:
        raise ValueError("without Socket Mode, Slack needs a public URL")
    urls = dict.fromkeys(PLACES, "")
    if public_url is not None:
        urls = {"$events": f"{public_url}/slack/events", "$redirect": f"{public_url}/slack/oauth_redirect"}
    if socket_mode:
        urls["$events"] = ""
    template = files("bots.slack").joinpath("manifest.yaml").read_text("utf-8")
    lines = []
    for line in template.replace("$socket_mode", json.dumps(socket_mode)).splitlines():
        place = next((place for place in PLACES if place in line), None)
        if place is None:
            lines.append(line)
        elif urls[place]:
            lines.append(line.replace(place, json.dumps(urls[place])))
    return "\n".join(lines) + "\n"
