"""What one check of `doctor` found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from msgspec import Struct, field

from roadmap_assets.errors import RoadmapAssetsError

Verdict = Literal["ok", "warning", "failed", "skipped"]


class Finding(Struct, frozen=True):
    """One line of the report.

    `failed` means that a run would fail, `warning` that it would do less than it could, and `skipped` that the
    settings leave nothing to check. `remedy` says what to do about it.
    """

    check: str
    verdict: Verdict
    text: str
    remedy: str = ""


class Findings(Struct):
    """Collects the findings of one check, which ends early when it raises."""

    check: str
    found: list[Finding] = field(default_factory=list)

    def ok(self, text: str) -> None:
        """Everything is as it should be."""
        self.found.append(Finding(self.check, "ok", text))

    def skip(self, text: str) -> None:
        """There is nothing to check."""
        self.found.append(Finding(self.check, "skipped", text))

    def warn(self, text: str, remedy: str) -> None:
        """A run works, but does less than it could."""
        self.found.append(Finding(self.check, "warning", text, remedy))

    def fail(self, text: str, remedy: str) -> None:
        """A run would fail."""
        self.found.append(Finding(self.check, "failed", text, remedy))

    @contextmanager
    def catching(self) -> Iterator[None]:
        """Turn an expected error, whose message already says what to do, into a failed check."""
        try:
            yield
        except RoadmapAssetsError as error:
            self.fail(" ".join(str(error).split()), "")


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether a run can be expected to work."""
    return not any(finding.verdict == "failed" for finding in findings)
