"""What an examination learned about a crew, in words for a terminal. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.crews.examine import CREW_SECONDS
from bot.findings import Finding, failed, good, warning
from crew_runner.child.environment import OFFLINE_MODEL
from crew_runner.models.environment import OVERLAY_PROVIDER
from crew_runner.projects.discovery import own_python
from storage import pauses
from storage.definitions import CrewDefinition, CrewInput, CrewReport, Examination, InputType

_TYPES = {InputType.YES_NO: "yes or no", InputType.JSON: "JSON"}


def finding(definition: CrewDefinition, report: CrewReport | None, crews_file: Path) -> Finding:
    """Whether the crew can be built, and whether it asks anybody."""
    subject = f"Crew {definition.name}"
    if report is None:
        advice = "Check what its module does when it is imported."
        return failed(subject, f"was not built within {CREW_SECONDS:.0f} s", advice)
    if report.problem is not None:
        return failed(subject, report.problem, f"Fix the crew, or its entry in {crews_file}.")
    if not report.phases:
        names = ", ".join(each.name for each in report.examination.inputs) or "what it runs with"
        advice = "Start it once in `countersign practice` to see whether it runs, and whom it asks."
        return warning(
            subject, f"its tasks are not known before it gets its inputs: {names}", advice
        )
    phases = f"phases: {', '.join(report.phases)}"
    if pauses.asks_nobody(report):
        advice = f"docs/crews says where it may ask; the entry is in {crews_file}."
        return warning(subject, f"can be built; {phases}; it {pauses.ASKS_NOBODY}", advice)
    if keys := report.examination.missing_keys:
        advice = "A tool may need it. Set it for the bot or in the project's .env."
        return warning(subject, f"can be built; {phases}; not set: {', '.join(keys)}", advice)
    return good(subject, f"can be built; {phases}")


def details(definition: CrewDefinition, report: CrewReport, asks: str = "") -> list[str]:
    """What the crew consists of, needs and asks: a line each, without what is not known.

    `asks` replaces the description of who is asked where.
    """
    examination = report.examination
    asks = asks or "; ".join(_asked(definition, examination)) or "nobody"
    rows = [
        ("kind", _kind(examination, report.phases)),
        ("agents", ", ".join(examination.agents)),
        ("inputs", "; ".join(_inputs(definition, examination.inputs))),
        ("tools", ", ".join(examination.tools)),
        ("models", ", ".join(dict.fromkeys(map(_model_text, examination.models)))),
        ("keys", ", ".join(f"{key} is not set" for key in examination.missing_keys)),
        ("asks", asks),
        ("runs in", _environment(definition, examination)),
        *(("note", each) for each in examination.notes),
    ]
    return [f"    {label:<8} {text}" for label, text in rows if text]


def as_json(definition: CrewDefinition, report: CrewReport) -> dict[str, object]:
    """The details for programs. Scripts rely on the keys."""
    examination = report.examination
    return {
        "name": definition.name,
        "kind": examination.kind,
        "steps": list(examination.steps or report.phases),
        "agents": list(examination.agents),
        "inputs": [
            {"name": each.name, "type": each.type.value, "default": each.default}
            for each in examination.inputs
        ],
        "tools": list(examination.tools),
        "models": list(examination.models),
        "missing_keys": list(examination.missing_keys),
        "asks": [
            {"where": place, "approvers": list(approvers)}
            for place, approvers in pauses.who_is_asked(definition, examination)
        ],
        "notes": list(examination.notes),
        "crewai": examination.crewai,
    }


def _inputs(definition: CrewDefinition, inputs: Sequence[CrewInput]) -> list[str]:
    asking = (*definition.checkpoints, *definition.gates)
    places = {field.name: checkpoint.name for checkpoint in asking for field in checkpoint.form}
    return [
        f"{each.name} (filled in at {places[each.name]})"
        if each.name in places
        else input_text(each)
        for each in inputs
    ]


def input_text(each: CrewInput) -> str:
    """An input with its type and default, such as `topic (text, default "AI")`."""
    facts = [_TYPES.get(each.type, each.type.value)]
    if each.choices:
        facts = [f"one of {', '.join(each.choices)}"]
    if each.value is not None:
        facts.append(f"set to {json.dumps(each.value, ensure_ascii=False)}")
    elif each.default not in (None, ""):
        facts.append(f"default {json.dumps(each.default, ensure_ascii=False)}")
    return f"{each.name} ({', '.join(facts)})"


def _model_text(name: str) -> str:
    """A model as people know it, also if it replaces the crew's own."""
    name = name.removeprefix(f"{OVERLAY_PROVIDER}/")
    return "the offline drafter, as no model key is set" if name == OFFLINE_MODEL else name


def start_command(name: str, inputs: Sequence[CrewInput]) -> str:
    """What to type in Slack to start the crew."""
    if not inputs:
        return f"/crew {name}"
    open_inputs = [each for each in inputs if each.value is None and each.default in (None, "")]
    if len(open_inputs) > 1:
        return f"/crew {name} " + " ".join(f'{each.name}="…"' for each in open_inputs)
    return f"/crew {name} …"


def _kind(examination: Examination, phases: Sequence[str]) -> str:
    steps = examination.steps or phases
    if not steps:
        return examination.kind
    word = {"flow": "method", "program": "phase"}.get(examination.kind, "task")
    count = f"{len(steps)} {word}{'' if len(steps) == 1 else 's'}"
    return f"{examination.kind or 'crew'} with {count}: {', '.join(steps)}"


def _asked(definition: CrewDefinition, examination: Examination) -> Iterator[str]:
    for place, approvers in pauses.who_is_asked(definition, examination):
        yield f"{' or '.join(approvers) or 'nobody who may decide'} {place}"


def _environment(definition: CrewDefinition, examination: Examination) -> str:
    if definition.project is None:
        return ""
    python = definition.python or own_python(Path(definition.project))
    environment = f"the environment of {python}" if python else "Countersign's own environment"
    version = f", with CrewAI {examination.crewai}" if examination.crewai else ""
    return f"{definition.project}, {environment}{version}"
