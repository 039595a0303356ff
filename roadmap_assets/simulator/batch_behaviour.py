"""How the simulator's batch jobs behave: how long they take, how they end, and what is wrong with their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import ConfigDict

EXPIRES_AFTER_S: Final = 48 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBehaviour:
    """How jobs behave. Shares are from 0 to 1; times are in seconds.

    ``pending_s``, ``running_s``: how long a job waits and runs; ``end``: how it ends (``stuck`` stays pending until
    it expires). ``shuffle``: results are in another order. ``permute_keys``: every result is under another request's
    key; ``wrong_keys``: this share is; ``lost_keys``: this share has no key. ``missing``: this many results are left
    out. ``errors``: this share of the results is an error; ``error_objects``: with details that are objects, for which
    the SDK rejects the whole job. ``lost_replies``: this many jobs are created without a reply; ``keeps_files``: files
    cannot be deleted. ``refused_creations``: this many creations are answered 503, without effect. ``faulty_jobs``:
    only this many jobs, the first, have these faults and this ``end``; None: all. ``most_jobs``, ``most_tokens``: jobs
    and input tokens that may be unfinished at once; 0 is no limit.
    """

    pending_s: float = 0.0
    running_s: float = 0.0
    end: Literal["succeeded", "failed", "expired", "stuck"] = "succeeded"
    shuffle: bool = False
    permute_keys: bool = False
    wrong_keys: float = 0.0
    lost_keys: float = 0.0
    missing: int = 0
    errors: float = 0.0
    error_objects: bool = False
    lost_replies: int = 0
    refused_creations: int = 0
    keeps_files: bool = False
    faulty_jobs: int | None = None
    expires_after_s: float = EXPIRES_AFTER_S
    most_jobs: int = 100
    most_tokens: int = 0
    seed: int = 0
    __pydantic_config__ = ConfigDict(extra="forbid")

    @property
    def without_faults(self) -> BatchBehaviour:
        """Jobs that take as long, and succeed with every result in its place."""
        return BatchBehaviour(pending_s=self.pending_s, running_s=self.running_s)
