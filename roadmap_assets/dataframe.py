"""Any table: `roadmap_assets.enrich` asks about the rows of a pandas DataFrame that is no roadmap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from roadmap_assets.enrichment.access import Access
from roadmap_assets.enrichment.blocking import run_blocking
from roadmap_assets.enrichment.engine.events import Event
from roadmap_assets.enrichment.engine.report import Report
from roadmap_assets.enrichment.questions import Question
from roadmap_assets.errors import InvalidSetting
from roadmap_assets.settings import Settings, load_settings
from roadmap_assets.warehouse.connection import Warehouse
from roadmap_assets.warehouse.enrichments import load_answers
from roadmap_assets.warehouse.published import column_type

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel


def enrich(
    frame: pd.DataFrame,
    *,
    topic: Hashable,
    description: Hashable | None = None,
    context: str | Sequence[Hashable] = "",
    profile: str | type[BaseModel] | None = None,
    offline: bool = False,
    settings: Settings | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
) -> pd.DataFrame:
    """A copy of `frame` with the columns of a profile, which Gemini fills in for each row.

    Batches, cache, quota, recovery and report are those of a roadmap's enrichment: twenty rows a call, each answer
    kept in the database by itself, equal rows asked once, and a second run asks only what has changed.

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
        frame: the rows; it is left as it is. Its index may be any, with duplicates too.
        topic: the column that names what a row is about. A row whose topic is missing or blank is not asked about.
        description: a column with a text about it.
        context: where the rows belong, which decides what an ambiguous name means: the name of a column, a list of
            columns (from the general to the particular), or, where no column has that name, one text for all rows.
        profile: which columns to ask for: `summary`, `study`, `module:Class`, or a pydantic model itself, importable
            by its name; by default what the settings say.
        offline: the simulator answers instead of Gemini; no key is needed.
        settings: instead of those from the environment and `.env`.
        on_event: told what happens while it works, as `enrichment.events`.

    Returns:
        The copy, with index and order of the rows kept. A row without an answer has missing values. Texts are of
        pandas' str type, numbers and truth values of types that can be missing, everything else stays as JSON values.
        `attrs["report"]` is a plain dict: `statuses` (of each row: hit, enriched, failed, deferred, or skipped when it
        has no topic), `failures` (topic -> reason), `stop_reason`, `calls`, `cost_usd` and so on (`Report`).

    Raises:
        InvalidSetting: a column is not there or ambiguous, or the frame has a column of the profile already.
        MissingKey, GeminiRefused, WarehouseBusy, …: as anywhere; what was answered before is stored.
    """
    given = settings or load_settings()
    access = Access(given.model_copy(update={"profile": _name(profile)}) if profile else given, offline=offline)
    questions = _questions(frame, access, topic=topic, description=description, context=context)
    access.check(published=False)
    _check_columns(frame, access)
    warehouse = Warehouse(access.settings.db)
    asked = [question for question in questions if question]
    report = run_blocking(access.engine(warehouse).run(asked, on_event=on_event))
    with warehouse.transaction() as connection:
        answers = load_answers(connection, report.statuses)
    rows = [answers.get(question.key, {}) if question else {} for question in questions]
    enriched = frame.copy()
    schema = access.profile.reply_schema["items"]["properties"]
    for column in access.profile.columns:
        enriched[column] = _series([row.get(column) for row in rows], frame.index, schema[column])
    enriched.attrs["report"] = _plain(report, questions)
    return enriched


def _questions(
    frame: pd.DataFrame,
    access: Access,
    *,
    topic: Hashable,
    description: Hashable | None,
    context: str | Sequence[Hashable],
) -> list[Question | None]:
    """One a row; None for a row without a topic."""
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
    """Without outer white space, and without halves of surrogate pairs, which no request and no database takes."""
    return text.encode(errors="replace").decode().strip()


def _name(profile: str | type[BaseModel]) -> str:
    return profile if isinstance(profile, str) else f"{profile.__module__}:{profile.__qualname__}"


def _check_columns(frame: pd.DataFrame, access: Access) -> None:
    if taken := [column for column in access.profile.columns if column in frame.columns]:
        raise InvalidSetting(
            f"the frame has a column {taken[0]!r} already, which the profile {access.profile.name!r} would fill in; "
            f"leave it out or rename it: frame.drop(columns={taken})"
        )


_DTYPES = {"VARCHAR": "str", "BIGINT": "Int64", "DOUBLE": "Float64", "BOOLEAN": "boolean"}


def _series(values: Iterable[Any], index: pd.Index[Any], schema: dict[str, Any]) -> pd.Series[Any]:
    import pandas as pd

    cells = list(values)
    try:
        return pd.Series(cells, index=index, dtype=_DTYPES.get(column_type(schema), "object"))
    except OverflowError:  # an integer of more than 64 bits
        return pd.Series(cells, index=index, dtype="object")


def _plain(report: Report, questions: Sequence[Question | None]) -> dict[str, Any]:
    """The report by row and topic, as JSON values: attrs are copied and compared often, and written to Parquet."""
    topics = {question.key: question.topic for question in questions if question}
    statuses = [report.statuses[question.key] if question else "skipped" for question in questions]
    return {
        **asdict(report),
        "statuses": statuses,
        "rows": dict(Counter(statuses)),
        "failures": {topics[key]: reason for key, reason in report.failures.items()},
        "deferred_until": report.deferred_until.isoformat() if report.deferred_until else None,
    }
