"""Progress bars for people: in a terminal, and in a notebook that can draw one. Nowhere else is anything drawn."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self, TextIO

from roadmap_assets.enrichment.engine.events import CacheChecked, Event, Waiting
from roadmap_assets.enrichment.engine.events import Progress as RowsSettled

if TYPE_CHECKING:
    from rich.progress import Progress


class RowsBar:
    """A bar over the rows of a run on the stream `to`, from when it is known that there is something to ask.

    Call it with each event of the engine; the bar disappears when the `with` block ends.
    """

    def __init__(self, *, to: TextIO | None) -> None:
        self._to = to
        self._stack = ExitStack()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar = None
        self._stack.close()

    def __call__(self, event: Event) -> None:
        begins = event.plan.calls > 0 if isinstance(event, CacheChecked) else isinstance(event, RowsSettled)
        if begins and self._bar is None and self._to and is_watched(self._to):
            self._bar = self._stack.enter_context(new_bar("rows", to=self._to))
        if self._bar:
            self._bar.update(self._bar.task_ids[0], **_changes(event))

    def print(self, text: str) -> bool:
        """Print a line above the bar; False when no bar is drawn, and nothing was printed."""
        if self._bar:
            self._bar.console.print(text, markup=False, soft_wrap=True)
        return self._bar is not None


def new_bar(what: str, *, to: TextIO) -> Progress:
    """A bar below whatever is printed meanwhile; it disappears when its `with` block ends."""
    from rich.console import Console  # a tenth of a second, which a run with nothing to do need not spend
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(file=to, highlight=False, emoji=False), transient=True)
    bar.add_task(what, total=None)
    return bar


def is_watched(stream: TextIO) -> bool:
    """Whether a bar on `stream` can be drawn for a person: it is a terminal, or a notebook with ipywidgets."""
    kernel = sys.modules.get("ipykernel")
    return stream.isatty() or (kernel is not None and find_spec("ipywidgets") is not None)


def _changes(event: Event) -> dict[str, Any]:
    """What an event changes in a bar's task."""
    match event:
        case CacheChecked(plan=plan):
            return {"completed": plan.hits, "total": plan.rows}
        case RowsSettled(done=done, total=total, calls=calls, seconds_left=seconds_left):
            left = f", about {seconds_left:.0f} s left" if seconds_left else ""
            return {"completed": done, "total": total, "description": f"rows, {calls} calls{left}"}
        case Waiting(seconds=seconds):
            return {"description": f"rows, waiting {seconds:.0f} s"}
        case _:
            return {}
