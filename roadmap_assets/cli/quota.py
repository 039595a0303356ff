"""`roadmap-assets quota`: what is left of the rate limits that all processes share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import click

from roadmap_assets.cli import console
from roadmap_assets.enrichment.access import Access
from roadmap_assets.settings import load_settings

if TYPE_CHECKING:
    from roadmap_assets.enrichment.limiter.base import Limits, QuotaState


@click.group(invoke_without_command=True)
def quota() -> None:
    """Show how much of the quota is used, by all processes that share it.

    The quota is that of the model and key in the settings; the fallback model has one of its own.
    """
    if click.get_current_context().invoked_subcommand:
        return
    access = _access()
    for model in access.models:
        with closing(access.open_limiter(model)) as limiter:
            state = limiter.state()
        console.say(f"Model: {model}")
        for line in state_lines(state, access.limits):
            console.say(line)


@quota.command()
def reset() -> None:
    """Reopen a closed day and end a pause.

    For a quota that was raised, or a day that was closed by mistake. If Gemini still refuses, the next call closes it.
    """
    access = _access()
    for model in access.models:
        with closing(access.open_limiter(model)) as limiter:
            limiter.reset()
        console.say(f"The quota of {model} is open.")


def state_lines(state: QuotaState, limits: Limits) -> Iterator[str]:
    """The state of a quota, a line each."""
    window = "minute" if limits.window_s == 60 else f"{limits.window_s:g} s"
    yield f"Requests: {state.requests_in_window} of {limits.rpm or 'any number'} in the last {window}"
    yield f"Input tokens: {state.tokens_in_window} of {limits.tpm or 'any number'} in the last {window}"
    yield f"Today: {state.requests_today} of {limits.rpd or 'any number'} requests"
    if until := state.open_at:
        what = "closed" if state.day_closed_until else "paused"
        when = f"{until.astimezone():%Y-%m-%d %H:%M:%S %Z}"
        yield f"State: {what} until {when}; reopen it with: roadmap-assets quota reset"
    else:
        yield "State: open"


def _access() -> Access:
    settings = load_settings()
    return Access(settings, offline=settings.offline)
