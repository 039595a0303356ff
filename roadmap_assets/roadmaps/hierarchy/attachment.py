"""Attachment: from the spine outwards, level by level, every item gets its parent."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from roadmap_assets.roadmaps.hierarchy.drawing import Drawing


class Attachment:
    """``above`` holds the parent of each placed item, None for a root.

    A placed item is never moved, so there are no cycles.
    """

    def __init__(self, drawing: Drawing, roots: dict[str, str | None]) -> None:
        self.drawing = drawing
        self.above: dict[str, str | None] = dict(roots)
        self.with_children: set[str] = {chapter for chapter in roots.values() if chapter is not None}
        self._inside: defaultdict[str, list[str]] = defaultdict(list)
        for item, frame in drawing.frame_of.items():
            self._inside[frame].append(item)
        self._spread: tuple[set[int], set[int]] = set(), set()
        """Ids of the stacks and frames that were spread to: without and with their items that have links."""
        self.grow(list(roots))

    def attach(self, items: Iterable[str], above: str | None) -> None:
        """Place items under one parent, or under their heading topic if it is among them; then grow from there."""
        items = list(items)
        among = set(items)
        placed: list[str] = []
        for item in items:
            if self.drawing.topic_over.get(item) not in among:
                self._place(item, above, placed)
        self.grow(placed)

    def grow(self, level: list[str]) -> None:
        """Follow direct links first, then stacks and frames; items with links of their own come last."""
        late: deque[str] = deque()
        while level or late:
            if level:
                placed: list[str] = []
                for item in level:
                    for linked in [*self._headed_by(item), *self.drawing.parenthood.get(item, ())]:
                        self._place(linked, item, placed)
                self._spread_to_mates([*level, *placed], placed, linked_too=False)
                late.extend(level)
                level = placed
            else:
                self._spread_to_mates([late.popleft()], level, linked_too=True)

    def _headed_by(self, item: str) -> Iterable[str]:
        """What `item` heads. A label is no parent of its group but lies between the two, unless it is a root itself."""
        is_label = item in self.drawing.headings and self.above[item] is not None
        return () if is_label else self.drawing.under.get(item, ())

    def _place(self, item: str, above: str | None, placed: list[str]) -> None:
        if item not in self.above and item != above:
            self.above[item] = above
            placed.append(item)
            if above is not None:
                self.with_children.add(above)

    def _spread_to_mates(self, items: Iterable[str], placed: list[str], *, linked_too: bool) -> None:
        """Give the parent of an item to its mates that have no link of their own."""
        queue = deque(items)
        while queue:
            item = queue.popleft()
            above = self.above[item]
            if above is None:
                continue
            new: list[str] = []
            for mate in self._mates(item, above, linked_too=linked_too):
                if mate not in self.above and (linked_too or mate not in self.drawing.parenthood):
                    self._place(mate, self._heading_topic(mate, above, new), new)
            placed += new
            queue += new

    def _heading_topic(self, mate: str, above: str, placed: list[str]) -> str:
        """The parent of a mate: its heading topic, which is placed first, or else `above`."""
        topic = self.drawing.topic_over.get(mate)
        if topic is None or topic == above:
            return above
        if topic not in self.drawing.parenthood:
            self._place(topic, above, placed)
        return topic if topic in self.above else above

    def _mates(self, item: str, above: str, *, linked_too: bool) -> Iterator[str]:
        drawing = self.drawing
        yield from self._once(self._inside.get(item), linked_too)
        if drawing.topic_over.get(item) != above:
            yield from self._once(drawing.stack_of.get(item), linked_too)
        if item in drawing.headings:
            yield from drawing.under.get(item, ())
        if item in drawing.label_over:
            yield drawing.label_over[item]
        frame = drawing.frame_of.get(item)
        if frame is not None and frame != above and frame not in drawing.frames_around(above):
            yield frame

    def _once(self, mates: list[str] | None, linked_too: bool) -> list[str]:
        """The mates, the first time; one spread places a whole stack, so it is not looked at again for each item."""
        if not mates or id(mates) in self._spread[linked_too]:
            return []
        self._spread[linked_too].add(id(mates))
        return mates
