"""Release notes as a program: JSON on stdin and stdout, one phase per call.

Nothing here depends on Slack, CrewAI or the caller: try it in a shell.

    echo '{"user_input": "add search; fix login", "phase": "sort"}' | python -m crew.run --stdin
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

SECTIONS: Final = {
    "Added": ("add", "new", "introduce", "support"),
    "Fixed": ("fix", "repair", "correct", "mend"),
    "Removed": ("remove", "delete", "drop", "end of"),
    "Changed": (),
}
"""The headings, and the first words of the changes that belong below them."""

CHANGES: Final = re.compile(
    r"[;\n]+|(?:,\s*(?:and\s+)?|\s+and\s+)"
    r"(?=(?:add|introduce|fix|repair|correct|remove|delete|drop|rename|update|speed up)\b)",
    re.IGNORECASE,
)
"""Separates changes, also at a comma or `and` if the first word of a change follows."""


def main() -> int:
    sys.stdout.write("release notes, version 1\n")  # other output, which the caller must ignore
    inputs = json.load(sys.stdin)
    try:
        answer = PHASES[inputs["phase"]](inputs)
    except (KeyError, ValueError) as problem:
        answer = {"status": "error", "error": f"{type(problem).__name__}: {problem}"}
    json.dump(answer, sys.stdout)
    return 0 if answer["status"] == "complete" else 1


def sort(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The changes in the request, each below its heading."""
    begin("sort the changes", "Archivist")
    if "feedback" in inputs:
        return revised(inputs, "sort the changes", "Archivist")
    changes_by_heading: dict[str, list[str]] = {heading: [] for heading in SECTIONS}
    for change in CHANGES.split(inputs["user_input"]):
        if change.strip():
            changes_by_heading[_heading(change.strip())].append(change.strip())
    if not any(changes_by_heading.values()):
        raise ValueError("the request names no changes")
    return complete(_text(changes_by_heading), "sort the changes", "Archivist")


def write(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The notes: an opening line above the sorted changes."""
    begin("count the changes", "Archivist")
    begin("write the notes", "Writer")
    if "feedback" in inputs:
        return revised(inputs, "write the notes", "Writer")
    changes = inputs["outputs"]["sort"]
    count = len(re.findall(r"^- ", changes, re.MULTILINE))
    opening = f"This release brings {count} change{'s' if count != 1 else ''}."
    return complete(f"# Release notes\n\n{opening}\n\n{changes}", "write the notes", "Writer")


def announce(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """One paragraph for people who will not read the notes."""
    begin("announce", "Herald")
    if "feedback" in inputs:
        return revised(inputs, "announce", "Herald")
    changes = re.findall(r"^- (.+)$", inputs["outputs"]["write"], re.MULTILINE)
    more = f", and {len(changes) - 2} more" if len(changes) > 2 else ""
    return complete(f"Out today: {', '.join(changes[:2])}{more}.", "announce", "Herald")


PHASES: Final = {"sort": sort, "write": write, "announce": announce}


def revised(inputs: Mapping[str, Any], task: str, agent: str) -> dict[str, Any]:
    """The answer to a revision: it says that the reviewer's words were used."""
    return {**complete(_revised_text(inputs), task, agent), "revised": True}


def _revised_text(inputs: Mapping[str, Any]) -> str:
    """The earlier output with the requested changes, one line or clause at a time.

    `drop WORD` takes out the lines with the word, `say OLD as NEW` replaces, `add CHANGE` puts a
    change below its heading. Any other request is added as a remark at the end.
    """
    text = str(inputs["previous_output"])
    for wish in filter(None, map(str.strip, re.split(r"[;\n]+", inputs["feedback"]))):
        if match := re.fullmatch(r"drop (.+)", wish, re.IGNORECASE):
            text = _dropped(text, match[1])
        elif match := re.fullmatch(r"say (.+) as (.+)", wish, re.IGNORECASE):
            text = re.sub(re.escape(match[1]), lambda _match, new=match[2]: new, text, flags=re.I)
        elif re.match(r"add ", wish, re.IGNORECASE):
            text = _added(text, wish)
        else:
            text = f"{text}\n\n(Asked for: {wish})"
    return text


def begin(task: str, agent: str) -> None:
    """Write a progress line, which the caller shows while the phase runs."""
    line = {"type": "progress", "task": task, "agent": agent, "timestamp": time.time()}
    sys.stderr.write(json.dumps(line) + "\n")
    sys.stderr.flush()


def complete(text: str, task: str, agent: str) -> dict[str, Any]:
    outputs = [{"task": task, "agent": agent, "output": text}]
    return {"status": "complete", "output": text, "task_outputs": outputs}


def _heading(change: str) -> str:
    beginnings = ((heading, words) for heading, words in SECTIONS.items() if words)
    return next((h for h, words in beginnings if change.lower().startswith(words)), "Changed")


def _text(changes_by_heading: Mapping[str, list[str]]) -> str:
    parts = [
        "\n".join([f"## {heading}", *(f"- {change}" for change in changes)])
        for heading, changes in changes_by_heading.items()
        if changes
    ]
    return "\n\n".join(parts)


def _added(text: str, change: str) -> str:
    """Add the change below its heading or, if the text has none, at the end."""
    heading = f"## {_heading(change)}\n"
    if heading in text:
        return text.replace(heading, f"{heading}- {change}\n", 1)
    return f"{text}\n- {change}"


def _dropped(text: str, word: str) -> str:
    kept = [line for line in text.splitlines() if word.lower() not in line.lower()]
    bare = [  # a heading with nothing below it goes too
        line
        for line, following in zip(kept, [*kept[1:], ""], strict=True)
        if not line.startswith("## ") or following.startswith("- ")
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(bare)).strip()


if __name__ == "__main__":
    sys.exit(main())
