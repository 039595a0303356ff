"""Permits granted to a process in advance, so that a fast run does not pay for a transaction a permit.

They count as used from the moment they are granted, so a process killed with a reserve never exceeds the quota. They
are only handed out for `Limits.hold_s`; what is left then is given back.
"""

from __future__ import annotations

from msgspec import Struct

LARGEST = 256
ROOM_PER_PERMIT = 16
"""A reserve takes at most this part of what the limits have room for: near the limit, permits are taken one by one."""


class Reserve(Struct):
    """What is left of a grant of `size` requests; the two times are monotonic."""

    grant: int = 0
    size: int = 0
    left: int = 0
    tokens_left: int = 0
    good_until: float = 0.0
    day_lasts_until: float = 0.0
    signal: int = 0

    def covers(self, input_tokens: int, *, now: float, signal: int) -> bool:
        """Whether a request may be sent from it; another `signal` than at its grant says that the rules changed."""
        fits = self.left > 0 and input_tokens <= self.tokens_left
        return fits and now < self.good_until and signal == self.signal

    def take(self, input_tokens: int) -> None:
        self.left -= 1
        self.tokens_left -= input_tokens

    def wanted_next(self, *, now: float, hold_s: float) -> int:
        """How many permits to ask for next: twice as many when these were used up in time, else as many as were."""
        if self.left == 0:
            return min(2 * self.size, LARGEST) if now < self.good_until else 1
        return max(1, self.size - self.left) if now < self.good_until + hold_s else 1
