"""Packing questions into batches: as few calls as the limits on topics and tokens allow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from msgspec import Struct

from roadmap_assets.enrichment.questions import Question


class Item(Struct, eq=False, gc=False):  # no cycle can lead through texts, so the collector need not look
    """A question of a run: `asked` counts the replies without its answer, `breaches` the answers that broke a rule."""

    question: Question
    asked: int = 0
    breaches: int = 0
    last_error: str = ""
    generation: int = 0


class Pool:
    """The items to be packed, from all roadmaps.

    A batch holds at most `size` items, and fewer where their input tokens, with the `fixed_tokens` of the
    instructions, would exceed `tokens`; an item that exceeds them alone is a batch of its own.
    """

    def __init__(self, *, size: int, tokens: int, fixed_tokens: int) -> None:
        self._size = size
        self._tokens = tokens
        self._fixed_tokens = fixed_tokens
        self._waiting: deque[Item] = deque()
        self._asked = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def nothing_asked(self) -> bool:
        """Whether no item in the pool has been asked yet."""
        return not self._asked

    def take_all(self) -> list[Item]:
        """Empty the pool."""
        return self._take(len(self._waiting))

    def add(self, items: Iterable[Item]) -> None:
        """Append items."""
        for item in items:
            self._waiting.append(item)
            self._asked += bool(item.asked)

    def take(self, *, partial: bool) -> list[Item]:
        """The next batch; empty if nothing is left, or if it is not full and `partial` is false."""
        taken = next(self.sizes(item.question for item in self._waiting), 0)
        full = taken == self._size or taken < len(self._waiting)
        return self._take(taken) if full or partial else []

    def sizes(self, questions: Iterable[Question]) -> Iterator[int]:
        """The size of each batch that these questions make in this order; what waits in the pool is left alone."""
        taken, tokens = 0, self._fixed_tokens
        for question in questions:
            if taken and (taken == self._size or tokens + question.tokens > self._tokens):
                yield taken
                taken, tokens = 0, self._fixed_tokens
            taken += 1
            tokens += question.tokens
        if taken:
            yield taken

    def _take(self, count: int) -> list[Item]:
        items = [self._waiting.popleft() for _ in range(count)]
        self._asked -= sum(bool(item.asked) for item in items)
        return items


class Backlog:
    """What waits for a call in a run: items to be packed, and suspect batches that are sent as they are, after them.

    Items that were asked before wait in a pool of their own if there is one, as for another model.
    """

    def __init__(self, pool: Pool, leftovers: Pool | None = None) -> None:
        self._pool = pool
        self._leftovers = leftovers
        self._suspect: deque[list[Item]] = deque()

    def add(self, items: Iterable[Item]) -> None:
        """Append items to be packed."""
        for item in items:
            (self._pool if self._leftovers is None or not item.asked else self._leftovers).add([item])

    def add_suspect(self, *batches: list[Item]) -> None:
        """Append batches that are not to be packed with others."""
        self._suspect.extend(batches)

    def take(self, *, idle: bool, more: bool) -> list[Item]:
        """The next batch, or an empty one when nothing is left to send yet.

        A batch that is not full waits while calls are in flight (not `idle`), and while `more` items are to come.
        """
        if more:
            return self._pool.take(partial=False)
        partial = idle and not self._suspect
        batch = self._pool.take(partial=partial or self._pool.nothing_asked)
        return self._leftovers.take(partial=partial) if not batch and self._leftovers is not None else batch

    @property
    def has_suspects(self) -> bool:
        """Whether a suspect batch waits."""
        return bool(self._suspect)

    def take_suspect(self) -> list[Item]:
        """The next suspect batch; empty when there is none."""
        return self._suspect.popleft() if self._suspect else []

    def take_all(self) -> list[Item]:
        """Empty the backlog."""
        items = [*self._pool.take_all(), *(item for batch in self._suspect for item in batch)]
        items += self._leftovers.take_all() if self._leftovers is not None else []
        self._suspect.clear()
        return items


def halves(items: list[Item]) -> list[list[Item]]:
    """The items in two batches: whatever breaks a call is isolated in a logarithmic number of calls."""
    middle = (len(items) + 1) // 2
    return [half for half in (items[:middle], items[middle:]) if half]
