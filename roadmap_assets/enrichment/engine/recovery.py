"""What happens to the topics that a call did not answer: a pure decision that reads like a table."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from msgspec import Struct, field

from roadmap_assets.enrichment.engine.batching import Item, halves
from roadmap_assets.enrichment.providers.base import Outcome
from roadmap_assets.enrichment.providers.reply import Matched

MAX_BREACHES = 2
"""A topic whose answer breaks a rule is asked once more; the second time it has failed."""

MAX_WAIT_S = 300.0
"""Asked to wait for longer, a run leaves the rest to a later one."""


class Recovery(Struct):
    """Where the unanswered items of a call go.

    `again` is packed with others, `apart` is sent as it is, so that a suspect batch cannot break others, and `failed`
    is given up, with the reason.
    """

    again: list[Item] = field(default_factory=list)
    apart: list[list[Item]] = field(default_factory=list)
    failed: list[tuple[Item, str]] = field(default_factory=list)

    @property
    def remedy(self) -> str:
        """What is done, for people."""
        if self.apart:
            return "Falling back to smaller batches..." if len(self.apart) > 1 else "Asking the rest again..."
        if self.again:
            return f"Asking again for {_rows(len(self.again))}..."
        return f"Giving up {_rows(len(self.failed))}."


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def recover(items: Sequence[Item], outcome: Outcome, matched: Matched, *, attempts: int) -> Recovery:
    """Sort the unanswered items of a call; `matched` is keyed by their positions.

    `attempts` is how often a topic is asked in one run.
    """
    recovery = Recovery()
    rest = []
    for place, item in enumerate(items):
        if str(place) in matched.answers:
            continue
        item.asked += 1
        rejection = matched.rejected.get(str(place))
        if rejection is not None and rejection.kind == "rule":
            item.breaches += 1
            item.question = replace(item.question, rejected=rejection.reason)
            _again_or_failed(recovery, item, "rule", rejection.reason, over=item.breaches >= MAX_BREACHES)
        elif rejection is not None and (rejection.kind != "missing" or not (matched.damage or outcome.cut)):
            _again_or_failed(recovery, item, rejection.kind, rejection.reason, over=item.asked >= attempts)
        else:
            item.last_error = outcome.detail if outcome.cut or not matched.damage else matched.damage
            rest.append(item)
    kind = "unusable" if outcome.kind == "replied" else outcome.kind
    _divide(recovery, rest, asked=len(items), kind=kind, attempts=attempts)
    return recovery


def recover_unanswered(items: Sequence[Item], detail: str, *, attempts: int) -> Recovery:
    """Sort the items of a batch that got no reply in all its attempts."""
    recovery = Recovery()
    for item in items:
        item.asked += 1
        item.last_error = detail
    _divide(recovery, list(items), asked=len(items), kind="unavailable", attempts=attempts)
    return recovery


def recover_transient(items: Sequence[Item], detail: str, *, attempts: int) -> Recovery:
    """Sort the items of a request of a batch job that has failed for a reason outside the request."""
    recovery = Recovery()
    for item in items:
        item.asked += 1
        _again_or_failed(recovery, item, "unavailable", detail, over=item.asked >= attempts)
    return recovery


def backoff_s(attempt: int, *, requested_s: float | None, randomness: random.Random) -> float:
    """Seconds to wait after failure number `attempt`: as requested, else exponential with jitter, at most 30 s.

    Half the delay is fixed and half random ("equal jitter", https://aws.amazon.com/blogs/architecture/
    exponential-backoff-and-jitter/), so that runs which failed together do not retry together. From the second failure
    on, a requested wait has proved too short, and the longer of the two counts.
    """
    delay = min(30.0, 2.0 ** (attempt - 1))
    delay = delay / 2 + randomness.uniform(0, delay / 2)
    if requested_s is None:
        return delay
    return requested_s if attempt == 1 else max(requested_s, delay)


def _again_or_failed(recovery: Recovery, item: Item, kind: str, reason: str, *, over: bool) -> None:
    item.last_error = f"{kind}: {reason}"
    if over:
        recovery.failed.append((item, kind))
    else:
        recovery.again.append(item)


def _divide(recovery: Recovery, rest: list[Item], *, asked: int, kind: str, attempts: int) -> None:
    """Send what a bad reply left in smaller batches, down to a topic alone, which fails after its last attempt."""
    if asked == 1 and rest:
        (item,) = rest
        if kind in ("blocked", "unavailable") or item.asked >= attempts:
            recovery.failed.append((item, kind))
        else:
            recovery.apart.append(rest)
    elif len(rest) <= asked // 2:
        # More than half was answered: the rest is a smaller batch already.
        recovery.apart.extend([rest] if rest else [])
    else:
        recovery.apart.extend(halves(rest))
