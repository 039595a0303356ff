"""Whether a batch is at fault or the provider: a pure decision that reads like a table."""

from __future__ import annotations

from typing import Literal

from roadmap_assets.enrichment.providers.base import Kind

MAX_USELESS_REPLIES = 8
"""After this many consecutive replies without a usable object, the cause is not the batches."""

MAX_UNANSWERED_BATCHES = 3
"""After this many consecutive batches without a reply, the cause is not the batches.

Fewer may be due to one bad topic: its batch, then the half of the batch that holds it.
"""

Verdict = Literal["requeue", "isolate", "stop"]
"""What happens to a batch that used up its attempts without a reply:

requeue  send it again as it is
isolate  set it aside until other batches are answered, then bisect it
stop     the provider is at fault: stop the run, and defer what is not answered
"""


class Health:
    """How the provider has answered so far.

    `usable_replies` counts all replies of use, `unanswered_batches` the batches that used up their attempts since the
    last of them.
    """

    def __init__(self) -> None:
        self.usable_replies = 0
        self.unanswered_batches = 0
        self._useless_replies = 0
        self._useless_since = 0.0

    def record_usable(self, *, sent_at: float) -> None:
        """Count a usable reply.

        It ends a row of useless ones, unless its request was sent (monotonic) before the first of them arrived: then
        it shows nothing about the provider since.
        """
        self.usable_replies += 1
        self.unanswered_batches = 0
        if sent_at >= self._useless_since:
            self._useless_replies = 0

    def record_useless(self, *, sent_at: float, now: float) -> None:
        """Count a useless reply, unless its request was sent (monotonic) before the first of the row arrived."""
        if not self._useless_replies:
            self._useless_replies, self._useless_since = 1, now
        elif sent_at >= self._useless_since:
            self._useless_replies += 1

    @property
    def replies_are_useless(self) -> bool:
        """Whether enough consecutive replies were useless for the run to stop."""
        return self._useless_replies >= MAX_USELESS_REPLIES


def judge_unanswered(kind: Kind, *, reachable: bool, others_answered: bool, unanswered_batches: int) -> Verdict:
    """Decide about a batch whose last attempt ended with `kind`.

    `reachable`: a connection to the provider works. `others_answered`: other batches had usable replies while this
    one was tried. `unanswered_batches`: how many in a row, with this one.
    """
    if not reachable:
        return "stop"
    if others_answered:
        return "requeue" if kind == "busy" else "isolate"
    if kind == "busy" or unanswered_batches >= MAX_UNANSWERED_BATCHES:
        return "stop"
    return "isolate"


def judge_isolated(rows: int, *, others_answered: bool) -> Verdict:
    """Decide about an isolated batch once nothing else is left to ask, or others were answered."""
    return "isolate" if rows > 1 or others_answered else "stop"
