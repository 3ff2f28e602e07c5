"""Fills pages with units: greedily, and split only where a unit fits on no page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Final

from slack_sdk.models.blocks import Block

from bot.slack.render.limits import LIMITS, Room
from bot.slack.render.markdown import rich, splitting, tables
from bot.slack.render.markdown.splitting import Cost
from bot.slack.render.markdown.units import Heading, Rule, Table, Unit

PIECE: Final = Cost(
    characters=LIMITS["rich_text"]["characters"] * 8 // 10,
    bytes=LIMITS["message"]["bytes"] * 8 // 10,
    elements=LIMITS["rich_text"]["elements"] * 8 // 10,
)
"""What one rich_text block gets at most. A longer unit is split also within a page."""

ELEMENTS: Final = LIMITS["rich_text"]["elements"]
"""Elements of a page, whatever its room: Slack limits the size of a request, too."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is put on a page together.

    `blocks` are those beside the one rich_text block that every page has. With a `table`, the units
    are what replaces it where no table block can stand. `divider`: the rule is a block.
    """

    units: tuple[Unit, ...]
    cost: Cost
    blocks: int = 0
    table: Table | None = None
    divider: bool = False


@dataclass
class Page:
    room: Room
    entries: list[_Entry] = field(default_factory=list)
    used: Cost = field(default_factory=Cost)
    blocks: int = 1

    def left(self) -> Cost:
        return _whole(self.room).minus(self.used)

    def takes(self, entry: _Entry) -> bool:
        return entry.cost.within(self.left()) and self.blocks + entry.blocks <= self._block_limit()

    def _block_limit(self) -> int:
        """Long pages have several rich_text blocks."""
        return self.room.blocks - 2 * (self.room.characters // PIECE.characters)

    def add(self, entry: _Entry) -> None:
        self.entries.append(entry)
        self.used = self.used.plus(entry.cost)
        self.blocks += entry.blocks

    def is_filled(self, share: float) -> bool:
        """Whether that share of it is taken, in anything that Slack counts."""
        return any(
            used >= share * most for used, most in zip(self.used, _whole(self.room), strict=True)
        )

    def has_only_blocks_for_table(self) -> bool:
        """Whether its table block is taken by a table that has no other form here."""
        return any(entry.table is not None and not entry.units for entry in self.entries)

    def headings_at_end(self) -> list[_Entry]:
        """Take off the headings that nothing on this page follows."""
        at = len(self.entries)
        while at and _is_short_heading(self.entries[at - 1], self.room):
            at -= 1
        if at == 0:
            return []
        headings, self.entries = self.entries[at:], self.entries[:at]
        return headings

    def to_blocks(self) -> tuple[Block, ...]:
        native = self._table_block()
        blocks: list[Block] = []
        together: list[Unit] = []
        size = Cost()

        def end_rich_text() -> None:
            nonlocal size
            if together:
                blocks.append(rich.rich_text(together))
                together.clear()
                size = Cost()

        for entry in self.entries:
            if entry.divider or entry is native:
                end_rich_text()
                blocks.append(
                    tables.as_block(entry.table) if entry.table is not None else rich.divider()
                )
                continue
            for unit in entry.units:
                cost = splitting.cost(unit)
                if not size.plus(cost).within(PIECE):
                    end_rich_text()
                together.append(unit)
                size = size.plus(cost)
        end_rich_text()
        return tuple(blocks)

    def _table_block(self) -> _Entry | None:
        """The table that gets the page's table block: one that has no other form, else the first
        that is too wide for aligned text, else the only one."""
        with_table = [entry for entry in self.entries if entry.table is not None]
        needing = [entry for entry in with_table if not entry.units]
        wide = [entry for entry in with_table if entry.table and tables.is_wide(entry.table)]
        if needing or wide:
            return (needing or wide)[0]
        return with_table[0] if len(with_table) == 1 else None


def _whole(room: Room) -> Cost:
    return Cost(room.characters, room.bytes, ELEMENTS)


def _is_short_heading(entry: _Entry, room: Room) -> bool:
    return (
        len(entry.units) == 1
        and isinstance(entry.units[0], Heading)
        and entry.cost.characters * 8 <= room.characters
    )


def paginate(units: Sequence[Unit], room: Room) -> list[Page]:
    paginator = _Paginator(room)
    for unit in units:
        paginator.place(unit)
    return paginator.finished()


class _Paginator:
    def __init__(self, room: Room) -> None:
        self._room = room
        self._full: list[Page] = []
        self._page = Page(room)

    def finished(self) -> list[Page]:
        return [page for page in [*self._full, self._page] if page.entries]

    def place(self, unit: Unit) -> None:
        match unit:
            case Table():
                self._place_table(unit)
            case Rule():
                divider = _Entry((unit,), splitting.cost(unit), 2, divider=True)
                if self._page.takes(divider):
                    self._page.add(divider)
                else:
                    self._place(unit)
            case _:
                self._place(unit)

    def _place(self, unit: Unit) -> None:
        rest: Unit | None = unit
        while rest is not None:
            beginning, after = splitting.split(rest, self._page.left().at_most(PIECE))
            if beginning is None or (after is not None and self._belongs_on_next_page(rest)):
                rest = self._without_beginning(rest)
                continue
            self._page.add(_Entry((beginning,), splitting.cost(beginning)))
            rest = after

    def _belongs_on_next_page(self, unit: Unit) -> bool:
        """Whether it is better to leave the rest of this page empty than to split the unit."""
        if not self._page.is_filled(0.5):
            return False
        if self._page.is_filled(0.9):
            return True
        _, after = splitting.split(unit, _whole(self._room).at_most(PIECE))
        return after is None

    def _without_beginning(self, unit: Unit) -> Unit | None:
        """Go to the next page, or make the unit fit the empty one."""
        if self._page.entries:
            self._turn()
            return unit
        unlinked = splitting.without_links(unit)
        if unlinked != unit:
            return unlinked
        self._page.add(_Entry((unit,), splitting.cost(unit)))
        return None

    def _place_table(self, table: Table) -> None:
        units = tuple(tables.as_text(table))
        costs = [splitting.cost(unit) for unit in units]
        as_text = _Entry(units, reduce(Cost.plus, costs, Cost()))
        entries = []
        if all(cost.within(PIECE) for cost in costs):
            entries.append(as_text)
        if self._room.tables and tables.fits_block(table):
            entries = [
                *[_Entry(entry.units, entry.cost, 2, table) for entry in entries],
                _Entry((), splitting.cost(table), 2, table),
            ]
        if self._add_first(entries):
            return
        if any(Page(self._room).takes(entry) for entry in entries):
            self._turn()
            if self._add_first(entries):
                return
        for unit in units:
            self._place(unit)

    def _add_first(self, entries: Sequence[_Entry]) -> bool:
        """Add the first form that the page takes."""
        for entry in entries:
            if not entry.units and self._page.has_only_blocks_for_table():
                continue
            if self._page.takes(entry):
                self._page.add(entry)
                return True
        return False

    def _turn(self) -> None:
        headings = self._page.headings_at_end()
        self._full.append(self._page)
        self._page = Page(self._room)
        for heading in headings:
            self._page.add(heading)
