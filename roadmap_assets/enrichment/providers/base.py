"""The interface to whatever answers questions: one request in, one `Outcome` out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from msgspec import Struct, field

from roadmap_assets.enrichment.questions import Question

Service = Literal["standard", "flex", "batch"]
"""How requests are made, and what they cost: at once; within minutes or within a day for half the price."""

Kind = Literal[
    "replied",
    "blocked",
    "failed",
    "shed",
    "busy",
    "day_exhausted",
    "unavailable",
    "timeout",
    "dropped",
    "refused",
    "cancelled",
]
"""How an attempt ended:

replied        with a text, good or bad, whatever the finish reason
blocked        without a text: the content was judged unsafe or a recitation
failed         without a usable reply, for a reason that may lie in the batch
shed           503 of the flex tier, which has no room at the moment: wait and retry
busy           429, the quota per minute: wait and retry
day_exhausted  429, the quota per day
unavailable    5xx
timeout        the reply was not complete within the time limit of one attempt
dropped        the connection was refused, or lost before the reply was complete
refused        the key, the model or the request itself was rejected (400, 401, 403, 404)
cancelled      by us, in flight
"""

SIMULATOR = "simulator"
"""The model that the simulator names in every reply; its answers are kept under this name."""


class Usage(Struct, frozen=True):
    """The tokens of one call; `cached_tokens` is the part of `input_tokens` that the provider had cached."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    thought_tokens: int = 0


class Outcome(Struct, frozen=True):
    """The result of one attempt. `detail` quotes the provider, cleaned (`cleaning`); times are in seconds.

    `usage` is None, unknown, when the provider's counts cannot be true.

    `service` is the one that served, as far as it is known, else the one that was asked for.

    `cut` means that the reply ended for another reason than being complete. `sent` is whether the request went out:
    without a connection it does not.
    """

    kind: Kind
    detail: str = ""
    text: str = ""
    cut: bool = False
    usage: Usage | None = field(default_factory=Usage)
    model_version: str = ""
    service: Service = "standard"
    retry_after_s: float | None = None
    latency_s: float = 0.0
    sent: bool = True


class Provider(Protocol):
    """A language model behind an API, asked for the columns of one profile. Close it after use.

    The ids of the topics in a request are their positions, from "0"; `providers.reply` matches the reply's text to
    them. An implementation raises nothing for what the network or the server does: that is an `Outcome`.

    >>> class Canned:
    ...     async def ask(self, questions, *, service="standard", on_sending=lambda: None):
    ...         on_sending()
    ...         return Outcome(kind="replied", text='[{"id": "0", "topic": "HTTP", "tldr": "…"}]')
    ...     async def close(self): ...
    """

    async def ask(
        self,
        questions: Sequence[Question],
        *,
        service: Service = "standard",
        on_sending: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Send one request about these topics to the standard or the flex tier.

        Calls `on_sending` once it has a connection to go out on.
        """
        ...

    async def close(self) -> None: ...
