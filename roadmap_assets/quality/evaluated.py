"""Whether batches are known to cost no quality, for the profile and model in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from roadmap_assets.quality.rule import Rule
from roadmap_assets.warehouse.evaluations import Evaluation


class Evaluated(Struct, frozen=True):
    """The latest evaluation of batches for the profile and model in use, and the profile's present fingerprint."""

    latest: Evaluation | None
    fingerprint: str
    simulated: bool


def _doubts(evaluated: Evaluated) -> Sequence[str]:
    if evaluated.simulated:  # there is no quality to lose
        return []
    if evaluated.latest is None:
        return ["missing: run the job evaluate_profile, or roadmap-assets evaluate batch"]
    if evaluated.latest.fingerprint != evaluated.fingerprint:
        return ["older than the profile: run it again"]
    return list((evaluated.latest.report or {}).get("findings", ()))


EVALUATION_RULES: Final[Sequence[Rule[Evaluated]]] = (
    Rule(
        "batch_quality",
        "The latest evaluation, with the profile as it is now, finds that batches cost no quality.",
        _doubts,
        lambda evaluated: int(evaluated.latest is not None),
        unit="evaluations",
    ),
)
