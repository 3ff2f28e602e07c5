"""What a phase gave, as a reviewer reads it: one text, or each task's under its name. Pure."""

from __future__ import annotations

from bot.slack.render import text
from storage.records import PhaseOutput


def shown(output: PhaseOutput, limit: int) -> tuple[str, bool]:
    """Markdown of at most `limit`, and whether something was left out.

    Of several tasks each gets a fair share: what a short one leaves goes to the longer ones.
    """
    parts = _parts(output)
    if len(parts) == 1:
        return text.clip(text.markdown(parts[0][1]), limit)
    left = limit
    clipped = False
    done: dict[int, str] = {}
    by_length = sorted(range(len(parts)), key=lambda n: text.length(parts[n][1]))
    for place, number in enumerate(by_length):
        name, words = parts[number]
        heading = f"## {text.markdown(text.label(name))}\n\n"
        share = max(0, left // (len(parts) - place) - text.length(heading) - len("\n\n"))
        body, cut = text.clip(text.markdown(words), share)
        clipped = clipped or cut
        done[number] = heading + body
        left -= text.length(done[number]) + len("\n\n")
    joined, cut = text.clip("\n\n".join(done[number] for number in range(len(parts))), limit)
    return joined, clipped or cut


def whole(output: PhaseOutput) -> str:
    """All of it, unescaped, for a file."""
    parts = _parts(output)
    if len(parts) == 1:
        return parts[0][1]
    return "\n\n".join(f"# {text.label(name)}\n\n{words}" for name, words in parts)


def _parts(output: PhaseOutput) -> list[tuple[str, str]]:
    """(task, text) of each task where there are several, else the output alone."""
    if len(output.tasks) > 1:
        return [(task.task, task.output) for task in output.tasks]
    return [("", output.output)]
