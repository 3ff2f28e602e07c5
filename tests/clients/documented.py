"""The code blocks of the web client's documents."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.processes import ROOT

DOCUMENTS: Final = (ROOT / "clients" / "web" / "README.md", ROOT / "docs" / "web-client.md")
ADDRESS: Final = "http://127.0.0.1:8000"
_BLOCK: Final = re.compile(r"^( *)```(tsx?|js)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code. `language`: `ts` and `tsx` are for pages, and `js` is run by Node."""

    name: str
    language: str
    code: str

    def at(self, address: str) -> str:
        """The code with the address of a bot of the tests in it."""
        assert ADDRESS in self.code, self.code
        return self.code.replace(ADDRESS, address)


def blocks() -> list[Block]:
    return [
        Block(f"{document.stem}-{number}", language, textwrap.dedent(code))
        for document in DOCUMENTS
        for number, (_, language, code) in enumerate(_BLOCK.findall(document.read_text()), start=1)
    ]


def write(folder: Path) -> None:
    """Write the blocks for pages into this folder of the package."""
    folder.mkdir(exist_ok=True)
    for block in blocks():
        if block.language != "js":
            (folder / f"{block.name}.{block.language}").write_text(block.code)
