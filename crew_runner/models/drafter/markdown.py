"""Just enough Markdown to take a draft apart, change it, and put it together again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+•]|(\d+)[.)])\s+(.*)$")
_RULE = re.compile(r"^\s*\|?(?:\s*:?-{2,}:?\s*\|)*\s*:?-{2,}:?\s*\|?\s*$")
_SENTENCE = re.compile(
    r"(?<!\d\.)(?:(?<=[.!?])|(?<=[.!?]\*\*)|(?<=[.!?][”“»\"]))\s+(?=[^\s\da-zäöü(]|\d+[^.\d\s])"
)


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Paragraph | Bullets | Table


@dataclass(frozen=True, slots=True)
class Section:
    heading: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True, slots=True)
class Document:
    """A title, what stands under it, and sections. Any of them may be missing."""

    title: str
    lead: tuple[Block, ...]
    sections: tuple[Section, ...]

    def words(self) -> int:
        return len(re.findall(r"\w+", render(self)))

    def with_section(self, section: Section) -> Document:
        """The document with the section of that heading replaced."""
        return replace(
            self,
            sections=tuple(section if s.heading == section.heading else s for s in self.sections),
        )


def render(document: Document) -> str:
    parts = [f"# {document.title}"] if document.title else []
    parts += map(_block, document.lead)
    for section in document.sections:
        parts.append(f"{'#' * section.level} {section.heading}")
        parts += map(_block, section.blocks)
    return "\n\n".join(part for part in parts if part)


def parse(text: str) -> Document:
    """The document that a Markdown text is; what is not understood stays as a paragraph."""
    title = ""
    lead: list[Block] = []
    sections: list[Section] = []
    lines = text.strip().splitlines()
    chunk: list[str] = []
    fenced = False

    def close() -> None:
        blocks = tuple(_blocks(chunk))
        chunk.clear()
        if sections:
            sections[-1] = replace(sections[-1], blocks=sections[-1].blocks + blocks)
        else:
            lead.extend(blocks)

    for line in lines:
        fenced = fenced ^ line.lstrip().startswith("```")
        match = None if fenced else _HEADING.match(line)
        if match is None:
            chunk.append(line)
            continue
        close()
        if len(match.group(1)) == 1 and not title and not sections and not lead:
            title = match.group(2)
        else:
            sections.append(Section(match.group(2), (), len(match.group(1))))
    close()
    return Document(title, tuple(lead), tuple(sections))


def sentences(text: str) -> list[str]:
    return [s for s in _SENTENCE.split(text) if s.strip()]


def each_text(section: Section, change: Callable[[str], str]) -> Section:
    """The section with every piece of running text changed; emptied ones fall away."""
    return replace(section, blocks=tuple(b for b in map(_changer(change), section.blocks) if b))


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    return Table(tuple(head), tuple(tuple(row) for row in rows))


def _changer(change: Callable[[str], str]) -> Callable[[Block], Block | None]:
    def changed(block: Block) -> Block | None:
        match block:
            case Paragraph(text):
                new = change(text)
                return Paragraph(new) if new else None
            case Bullets(items, numbered):
                kept = tuple(new for item in items if (new := change(item)))
                return Bullets(kept, numbered) if kept else None
            case Table(head, rows):
                return Table(head, tuple(tuple(map(change, row)) for row in rows))

    return changed


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return text
        case Bullets(items, numbered):
            return "\n".join(
                f"{f'{n}.' if numbered else '-'} {item}" for n, item in enumerate(items, start=1)
            )
        case Table(head, rows):
            lines = [_row(head), "|" + "---|" * len(head), *map(_row, rows)]
            return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _blocks(lines: list[str]) -> Iterable[Block]:
    """Blocks of one section, told apart by empty lines and by their first characters."""
    run: list[str] = []
    fenced = False
    for line in [*lines, ""]:
        fenced = fenced ^ line.lstrip().startswith("```")
        if run and _kind(line) == "more" and _kind(run[-1]) in {"bullets", "numbered"}:
            run[-1] += f" {line.strip()}"
        elif not fenced and (not line.strip() or (run and _kind(line) != _kind(run[-1]))):
            if run:
                yield _one(run)
            run = [line] if line.strip() else []
        else:
            run.append(line)
    if run:
        yield _one(run)


def _kind(line: str) -> str:
    if line.lstrip().startswith("|"):
        return "table"
    match = _ITEM.match(line)
    if match:
        return "numbered" if match.group(1) else "bullets"
    return "more" if line.startswith("  ") and line.strip() else "text"


def _one(run: list[str]) -> Block:
    kind = _kind(run[0])
    if kind == "table" and len(run) >= 2 and _RULE.match(run[1]):
        return table(_cells(run[0]), map(_cells, run[2:]))
    if kind in {"bullets", "numbered"}:
        return Bullets(tuple(_item(line) for line in run), kind == "numbered")
    return Paragraph("\n".join(run))


def _item(line: str) -> str:
    match = _ITEM.match(line)
    return match.group(2) if match else line.strip()


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
