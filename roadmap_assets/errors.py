"""What can go wrong in a way that the caller can act on: one class for each such thing.

Every message is written for the person who gets it: what happened, to what, and what to do. The command line prints
it on one line and leaves with `exit_status`; Dagster turns it into a `Failure` that is retried only when
`retryable` says that trying again could help.
"""

from __future__ import annotations

from collections.abc import Sequence


class RoadmapAssetsError(Exception):
    """Base of everything this package raises on purpose."""

    exit_status = 1
    retryable = False


class InvalidSetting(RoadmapAssetsError):
    """A setting or argument lies outside what it may be; the message names it and the allowed range."""

    exit_status = 2


class InvalidSlug(RoadmapAssetsError):
    """A roadmap's name is not a slug, so that nothing was read or written under it."""

    exit_status = 2


class UnknownRoadmap(RoadmapAssetsError):
    """The source has no roadmap of this name; `near` are the nearest names that it has."""

    def __init__(self, slug: str, *, source: str, near: Sequence[str] = ()) -> None:
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        super().__init__(f"the source {source} has no roadmap {slug!r}{hint}")
        self.slug = slug
        self.source = source
        self.near = tuple(near)


class SourceUnavailable(RoadmapAssetsError):
    """The upstream of a source does not answer, or asks to wait longer than is sensible; nothing was changed."""

    retryable = True


class DocumentError(RoadmapAssetsError):
    """A roadmap's document cannot be turned into topics: not JSON, of the old shape, or without a topic."""


class WarehouseError(RoadmapAssetsError):
    """The database cannot be used; what was stored before stays."""


class WarehouseBusy(WarehouseError):
    """The database stayed locked by another program for as long as we were ready to wait."""

    retryable = True


class WarehouseUnavailable(WarehouseError):
    """The database server does not answer, or does not let us in."""

    retryable = True


class WarehouseInterrupted(WarehouseUnavailable):
    """The database server broke off a transaction, as when it is restarted; nothing of it is stored, or all."""


class WarehouseUnreadable(WarehouseError):
    """The database is not ours, or of a newer version, or its file is no database; it was left untouched."""


class WarehouseUnwritable(WarehouseError):
    """The database cannot be written, as on a full disk; what was stored before stays, and nothing is half stored."""

    retryable = True


class QuotaUnavailable(RoadmapAssetsError):
    """The state through which processes share the quota cannot be kept: locked, damaged, or the disk is full."""

    retryable = True


class MissingKey(RoadmapAssetsError):
    """Gemini is to be asked, and there is no API key in the environment."""


class GeminiRefused(RoadmapAssetsError):
    """Gemini refuses the key, the model or the request itself (400, 401, 403, 404): asking again cannot help."""


class SimulatorAnswered(RoadmapAssetsError):
    """The simulator answered where a real model was asked: its answers are not kept as that model's."""


class OutputNotWritable(RoadmapAssetsError):
    """The output file or folder cannot be written; found out before anything is paid for.

    `remedy` says how to name another place. The place is known here, not who named it: a setting or an option.
    """

    def __init__(
        self, problem: str, *, remedy: str = "set ROADMAP_OUTPUT (tables) or ROADMAP_SITE (pages) to another place"
    ) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem


class MissingExtra(RoadmapAssetsError):
    """An export needs a package that is not installed; the message has the command that installs it."""
