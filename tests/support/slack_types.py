"""Judges blocks and views by Slack's own published types, `@slack/types`, with one run of tsc."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Json = dict[str, Any]
PACKAGE = Path(__file__).parents[1] / "slack" / "types"
LITERAL_KEYS = {"type", "style", "status", "range", "align", "level", "width", "include"}
"""Their strings are types of their own; all other strings are only strings."""
NUMBER_LITERAL_KEYS = {"border"}
UNTYPED = {("rich_text_list", "offset")}
"""Keys by type of node that Slack documents but has left out of its types."""
HEAD = 'import type { HomeView, KnownBlock, ModalView } from "@slack/types";\n'
OPTIONS = {
    "compilerOptions": {
        "strict": True,
        "noEmit": True,
        "module": "nodenext",
        "moduleResolution": "nodenext",
        "target": "es2022",
        "types": [],
        "skipLibCheck": True,
    },
    "include": ["*.ts"],
}
ERROR = re.compile(r"^shapes\.ts\((\d+),\d+\): error (TS\d+: .*)$", re.MULTILINE)


def install(folder: Path) -> Path:
    """Install the pinned packages into this folder, unless they are there already."""
    lock = (PACKAGE / "package-lock.json").read_text()
    marker = folder / "installed.json"
    if not marker.exists() or marker.read_text() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PACKAGE / name, folder / name)
        npm = shutil.which("npm")
        assert npm is not None
        subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            cwd=folder,
            check=True,
            timeout=300,
        )
        marker.write_text(lock)
    return folder


class Shapes:
    """Collects the different shapes of blocks and views; equal ones count once."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def add_blocks(self, blocks: object, where: str) -> None:
        for block in blocks if isinstance(blocks, list) else []:
            self._add("KnownBlock", block, where)

    def add_view(self, view: Json, where: str) -> None:
        """The blocks of a view are judged one by one: its type would let every block pass."""
        self.add_blocks(view.get("blocks"), where)
        kind = "HomeView" if view.get("type") == "home" else "ModalView"
        self._add(kind, view | {"blocks": []}, where)

    def _add(self, kind: str, node: Json, where: str) -> None:
        shape = json.dumps(_skeleton(node, ""), sort_keys=True)
        self._lines.setdefault(f"void ({shape} satisfies {kind});", where)

    def judge(self, folder: Path) -> list[str]:
        """What tsc says against these shapes: the place of each, the shape and the error."""
        lines = list(self._lines)
        (folder / "shapes.ts").write_text(HEAD + "\n".join(lines) + "\n")
        (folder / "tsconfig.json").write_text(json.dumps(OPTIONS))
        node = shutil.which("node")
        assert node is not None
        tsc = folder / "node_modules" / "typescript" / "bin" / "tsc"
        result = subprocess.run(
            [node, str(tsc), "--project", str(folder)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        errors = [
            f"{self._lines[lines[int(number) - 2]]}: {lines[int(number) - 2]}\n  {words}"
            for number, words in ERROR.findall(result.stdout)
        ]
        assert errors or result.returncode == 0, result.stdout + result.stderr
        return errors


def _skeleton(node: object, key: str) -> object:
    """The node with the texts, numbers and repeated items left out that its type ignores."""
    match node:
        case dict():
            return {
                name: _skeleton(value, name)
                for name, value in node.items()
                if (node.get("type"), name) not in UNTYPED
            }
        case list():
            return _distinct(_skeleton(item, key) for item in node)
        case str():
            return node if key in LITERAL_KEYS else "x"
        case bool() | None:
            return node
        case int() | float():
            return node if key in NUMBER_LITERAL_KEYS else 1
        case _:
            raise TypeError(f"{key} is a {type(node).__name__}")


def _distinct(items: Iterable[object]) -> list[object]:
    return [
        json.loads(item) for item in dict.fromkeys(json.dumps(i, sort_keys=True) for i in items)
    ]
