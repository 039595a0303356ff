"""Any table: `roadmap_assets.enrich` asks about the rows of a pandas DataFrame."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from msgspec import to_builtins
from msgspec.structs import replace

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.engine.events import Event
from roadmap_assets.enrichment.engine.report import Report
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import InvalidSetting, MissingKey
from roadmap_assets.progress_bar import RowsBar
from roadmap_assets.settings import Settings, load_settings
from roadmap_assets.warehouse.base import Warehouse
from roadmap_assets.warehouse.enrichments import answering_models, load_answers
from roadmap_assets.warehouse.published import column_type
from roadmap_assets.warehouse.registry import open_warehouse

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

CHUNK_ROWS: Final = 10_000
DETAILS: Final = ("status", "error", "model")
REASONS_SHOWN: Final = 3
ANOTHER_RUN: Final = "another run is asking about them"
IN_A_JOB: Final = "a batch job asks about them; run this again later"


class RowsNotEnriched(UserWarning):
    """Rows of a frame have no answer: they failed, or are deferred to another run."""


def enrich(
    frame: pd.DataFrame,
    *,
    topic: Hashable,
    description: Hashable | None = None,
    context: str | Sequence[Hashable] = "",
    profile: str | type[BaseModel] | None = None,
    offline: bool = False,
    details: bool = False,
    progress: bool = True,
    settings: Settings | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> pd.DataFrame:
    """A copy of `frame` with the columns of a profile, which Gemini fills in for each row.

    Batches, cache, quota, recovery and report are the same as for a roadmap: twenty rows a call, each answer cached
    separately, equal rows asked once, and a second run asks only what has changed.

    Examples:
        >>> import pandas as pd
        >>> import roadmap_assets
        >>> dishes = pd.DataFrame({
        ...     "name": ["Sourdough", "Hollandaise"],
        ...     "text": ["Bread that rises by wild yeast.", "A sauce of egg yolk and butter."],
        ... })
        >>> enriched = roadmap_assets.enrich(dishes, topic="name", description="text", context="Cooking", offline=True)
        >>> list(enriched.columns)
        ['name', 'text', 'tldr', 'challenge']
        >>> enriched.attrs["report"]["statuses"]
        ['enriched', 'enriched']

    Args:
        frame: the rows; it is not changed. Any index will do, also with duplicates.
        topic: the column that names what a row is about. A row whose topic is missing or blank is skipped.
        description: a column with a text about it.
        context: where the rows belong, which decides what an ambiguous name means: the name of a column, a list of
            columns (from the general to the particular), or, where no column has that name, one text for all rows.
        profile: which columns to ask for: `summary`, `study`, `module:Class`, or a pydantic model itself, importable
            by its name; by default `ROADMAP_PROFILE`.
        offline: the built-in simulator answers instead of Gemini; no key is needed. Also `ROADMAP_OFFLINE`.
        details: add the columns `status` (hit, enriched, failed, deferred, pending in a batch job, or skipped when the
            row has no topic), `error` (why there is no answer) and `model` (which model answered).
        progress: draw a progress bar in a terminal or a notebook, and write one line of summary to standard error.
        settings: instead of those from the environment and `.env`.
        on_event: called with each event of the run; see `enrichment.engine.events`.

    Returns:
        The copy, with index and order of the rows kept. A row without an answer has missing values. Texts are of
        pandas' str type, numbers and booleans of nullable types, everything else stays as JSON values.
        `attrs["report"]` is a plain dict: `statuses` (of each row), `failures` (topic -> reason), `stop_reason`,
        `calls`, `cost_usd` and so on (`Report`).

    Raises:
        InvalidSetting: `frame` is not a DataFrame, a column is missing or ambiguous, or a new column exists already.
        MissingKey, GeminiRefused, WarehouseBusy, …: as elsewhere; what was answered before is stored.

    Warns:
        RowsNotEnriched: rows have failed or are deferred; the message has the most frequent reasons.
    """
    given = settings or load_settings()
    chosen = given.changed(profile=_name(profile)) if profile else given
    access = Access(chosen, offline=offline or given.offline)
    _check_frame(frame)
    questions = _questions(frame, access, topic=topic, description=description, context=context)
    _check_access(access)
    _check_columns(frame, access, details=details)
    warehouse = open_warehouse(access.settings.db)
    asked = [question for question in questions if question]
    with RowsBar(to=sys.stderr if progress else None) as bar:

        def follow(event: Event) -> None:
            bar(event)
            on_event(event)

        report = access.engine(warehouse).run_blocking(asked, on_event=follow)
    if progress:
        _write_summary(report)
    if not report.complete:
        warnings.warn(_reasons(report), RowsNotEnriched, stacklevel=2)
    enriched = _with_answers(frame, questions, access, warehouse)
    if details:
        _add_details(enriched, questions, report, warehouse)
    enriched.attrs["report"] = _plain(report, questions)
    return enriched


def _with_answers(
    frame: pd.DataFrame, questions: Sequence[Question | None], access: Access, warehouse: Warehouse
) -> pd.DataFrame:
    """A copy of the frame with the answers, read in chunks: their JSON objects take more memory than the columns."""
    cells: dict[str, list[Any]] = {column: [None] * len(questions) for column in access.profile.columns}
    with warehouse.transaction() as connection:
        for start in range(0, len(questions), CHUNK_ROWS):
            chunk = questions[start : start + CHUNK_ROWS]
            answers = load_answers(connection, {question.key for question in chunk if question})
            for row, question in enumerate(chunk, start):
                if question and (answer := answers.get(question.key)):
                    for column in answer.columns.keys() & cells.keys():
                        cells[column][row] = answer.columns[column]
    schema = access.profile.reply_schema["items"]["properties"]
    enriched = frame.copy()
    for column in access.profile.columns:
        enriched[column] = _series(cells.pop(column), frame.index, schema[column])
    return enriched


def _add_details(
    enriched: pd.DataFrame, questions: Sequence[Question | None], report: Report, warehouse: Warehouse
) -> None:
    with warehouse.transaction() as connection:
        models = answering_models(connection, report.statuses)
    errors = {
        key: report.stop_reason or ANOTHER_RUN for key, status in report.statuses.items() if status == "deferred"
    } | dict(report.failures)
    errors |= {key: IN_A_JOB for key, status in report.statuses.items() if status == "pending"}
    keys = [question.key if question else "" for question in questions]
    details: dict[str, list[str | None]] = {
        "status": [report.statuses.get(key, "skipped") for key in keys],
        "error": [errors.get(key) for key in keys],
        "model": [models.get(key) for key in keys],
    }
    for column, cells in details.items():
        enriched[column] = _series(cells, enriched.index, {"type": "string"})


def _write_summary(report: Report) -> None:
    rows = report.rows
    parts = [f"{rows.get('enriched', 0)} enriched", f"{rows.get('hit', 0)} from the cache"]
    parts += [f"{rows[status]} {status}" for status in ("failed", "deferred", "pending") if rows.get(status)]
    cost = "cost unknown" if report.cost_usd is None else f"${report.cost_usd:.4f}"
    calls = "1 call" if report.calls == 1 else f"{report.calls} calls"
    line = f"Rows: {report.total} ({', '.join(parts)}); {calls}, {cost}, {report.seconds:.1f} s"
    with suppress(OSError, ValueError, AttributeError):  # standard error is closed or missing
        sys.stderr.write(f"{line}\n")


def _reasons(report: Report) -> str:
    """Why rows have no answer, the most frequent reasons first."""
    parts = []
    if failed := report.rows.get("failed"):
        reasons = Counter(report.failures.values())
        shown = "; ".join(f"{reason} ({count}x)" for reason, count in reasons.most_common(REASONS_SHOWN))
        more = f"; and {len(reasons) - REASONS_SHOWN} other reasons" if len(reasons) > REASONS_SHOWN else ""
        parts.append(f"{failed} of {report.total} rows failed: {shown}{more}")
    if deferred := report.rows.get("deferred"):
        parts.append(
            f"{deferred} of {report.total} rows are deferred to another run: {report.stop_reason or ANOTHER_RUN}"
        )
    if pending := report.rows.get("pending"):
        parts.append(f"{pending} of {report.total} rows are pending: {IN_A_JOB}")
    return f"{'. '.join(parts)}. details=True adds each row's status and error"


def _questions(
    frame: pd.DataFrame,
    access: Access,
    *,
    topic: Hashable,
    description: Hashable | None,
    context: str | Sequence[Hashable],
) -> list[Question | None]:
    """One per row; None for a row without a topic."""
    topics = _texts(frame, topic)
    descriptions = _texts(frame, description) if description is not None else [""] * len(frame)
    columns = [context] if isinstance(context, str) and context in frame.columns else context
    if isinstance(columns, str):
        contexts = [_clean(columns)] * len(frame)
    else:
        parts = [_texts(frame, column) for column in columns]
        contexts = [" > ".join(filter(None, row)) for row in zip(*parts, strict=True)] if parts else [""] * len(frame)
    return [
        access.question(topic=name, description=text, context=where) if name else None
        for name, text, where in zip(topics, descriptions, contexts, strict=True)
    ]


def _texts(frame: pd.DataFrame, column: Hashable) -> list[str]:
    """The cells of a column as texts, empty where they are missing."""
    found = sum(label == column for label in frame.columns)
    if found != 1:
        has = ", ".join(map(str, frame.columns))
        raise InvalidSetting(
            f"the frame has {'several columns' if found else 'no column'} {column!r}; its columns are: {has}"
        )
    cells = frame[column]
    return ["" if missing else _clean(str(cell)) for cell, missing in zip(cells, cells.isna(), strict=True)]


def _clean(text: str) -> str:
    """Without outer white space, and without halves of surrogate pairs, which cannot be encoded."""
    if text.isascii():
        return text.strip()  # the same object where there is nothing to strip, so that rows share the frame's texts
    return text.encode(errors="replace").decode().strip()


def _name(profile: str | type[BaseModel]) -> str:
    return profile if isinstance(profile, str) else f"{profile.__module__}:{profile.__qualname__}"


def _check_frame(frame: object) -> None:
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        how = "convert it with to_pandas()" if hasattr(frame, "to_pandas") else "make one with pandas.DataFrame(rows)"
        raise InvalidSetting(f"enrich needs a pandas DataFrame, not a {type(frame).__name__}; {how}")


def _check_access(access: Access) -> None:
    try:
        access.check(published=False)
    except MissingKey as missing:
        raise MissingKey(f"{missing}, or pass offline=True to use the built-in simulator") from None


def _check_columns(frame: pd.DataFrame, access: Access, *, details: bool) -> None:
    name = access.profile.name
    if both := [column for column in access.profile.columns if details and column in DETAILS]:
        raise InvalidSetting(f"the profile {name!r} has a column {both[0]!r}, which details=True would add too")
    for columns, of in ((access.profile.columns, f"the profile {name!r}"), (DETAILS * details, "details=True")):
        if taken := [column for column in columns if column in frame.columns]:
            raise InvalidSetting(
                f"the frame has a column {taken[0]!r} already, which {of} would fill in; "
                f"leave it out or rename it: frame.drop(columns={taken})"
            )


_DTYPES = {"VARCHAR": "str", "BIGINT": "Int64", "DOUBLE": "Float64", "BOOLEAN": "boolean"}


def _series(cells: list[Any], index: pd.Index[Any], schema: dict[str, Any]) -> pd.Series[Any]:
    import pandas as pd

    try:
        return pd.Series(cells, index=index, dtype=_DTYPES.get(column_type(schema), "object"))
    except OverflowError:  # an integer of more than 64 bits
        return pd.Series(cells, index=index, dtype="object")


def _plain(report: Report, questions: Sequence[Question | None]) -> dict[str, Any]:
    """The report by row and topic, as JSON values: attrs are copied and compared often, and written to Parquet."""
    topics = {question.key: question.topic for question in questions if question}
    statuses = [report.statuses[question.key] if question else "skipped" for question in questions]
    return {
        **to_builtins(replace(report, statuses={})),  # by row instead of by key
        "statuses": statuses,
        "rows": dict(Counter(statuses)),
        "failures": {topics[key]: reason for key, reason in report.failures.items()},
        "deferred_until": report.deferred_until.isoformat() if report.deferred_until else None,
    }
