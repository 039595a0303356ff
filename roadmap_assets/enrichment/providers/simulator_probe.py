"""Asking an address whether the simulator answers there: apart from `address`, as most runs need no HTTP client."""

from __future__ import annotations

import http.client
import json
import urllib.request

from roadmap_assets.enrichment.providers.address import public_address
from roadmap_assets.enrichment.providers.base import SIMULATOR

ANSWERS_WITHIN_S = 10.0
"""Even on a machine that is busy with other things: a run that takes the simulator for a real model loses its calls."""


def is_simulator(url: str) -> bool:
    """Whether the simulator listens at this address. False also when nobody answers within `ANSWERS_WITHIN_S`.

    The request carries no key, costs no quota, and follows no redirect.
    """
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(f"{public_address(url)}/simulator", timeout=ANSWERS_WITHIN_S) as reply:
            return bool(json.loads(reply.read(1000)) == {"model": SIMULATOR})
    except (OSError, ValueError, http.client.HTTPException, RecursionError):
        return False


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None
