"""The asset checks: what each asset's step evaluates, and how a finding becomes Dagster's event.

A check belongs to a roadmap, as the asset does: its result is logged with the partition and with the materialization
that it judges. Dagster's `AssetCheckResult` takes the partition from the run, which has none when it is over many
roadmaps, so an `AssetCheckEvaluation` is logged for each.

All are evaluated by the step that makes the asset (`check_specs`): a step of their own costs more than the rest of a
cached run, and their data only changes when that step runs again. docs/operations.md says more.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import dagster as dg
from dagster import AssetCheckSeverity
from msgspec import Struct

from roadmap_assets.defs.partitions import ROADMAPS
from roadmap_assets.defs.tables import ENRICHED, ENRICHMENTS, RAW, TOPICS
from roadmap_assets.quality.answers import ANSWER_RULES, CALL_RULES
from roadmap_assets.quality.evaluated import EVALUATION_RULES
from roadmap_assets.quality.fetched import FETCHED_RULES
from roadmap_assets.quality.publication import PUBLICATION_RULES, REPLACEMENT_RULES
from roadmap_assets.quality.rule import Finding, Rule
from roadmap_assets.quality.topics import TOPIC_RULES

_T = TypeVar("_T")

READABLE: Final = "readable"


class Outcome(Struct, frozen=True):
    """The result of one check of one roadmap."""

    check: str
    finding: Finding
    severity: AssetCheckSeverity = AssetCheckSeverity.WARN
    blocking: bool = False

    @property
    def blocks(self) -> bool:
        """Whether the roadmap goes no further."""
        return self.blocking and not self.finding.passed


def judge(rules: Sequence[Rule[_T]], roadmap: _T) -> Iterator[Outcome]:
    """What the rules find in a roadmap."""
    for rule in rules:
        severity = AssetCheckSeverity.ERROR if rule.error else AssetCheckSeverity.WARN
        yield Outcome(rule.name, rule.finding(roadmap), severity, rule.blocking)


def _specs(asset: dg.AssetKey, *rules: Rule[Any], readable: str = "") -> Sequence[dg.AssetCheckSpec]:
    described = {READABLE: (readable, False)} if readable else {}
    described |= {rule.name: (rule.description, rule.blocking) for rule in rules}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)  # partitions of checks, in four lines a check
        return [
            dg.AssetCheckSpec(name, asset=asset, description=text, blocking=blocking, partitions_def=ROADMAPS)
            for name, (text, blocking) in described.items()
        ]


CHECKS: Final[Mapping[dg.AssetKey, Sequence[dg.AssetCheckSpec]]] = {
    RAW: _specs(RAW, *FETCHED_RULES, readable="The roadmap could be fetched."),
    TOPICS: _specs(TOPICS, *TOPIC_RULES, readable="The topics of the document could be read."),
    ENRICHMENTS: _specs(ENRICHMENTS, *ANSWER_RULES, *CALL_RULES, *EVALUATION_RULES),
    ENRICHED: _specs(ENRICHED, *PUBLICATION_RULES, *REPLACEMENT_RULES),
}
