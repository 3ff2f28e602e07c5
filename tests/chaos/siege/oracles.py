"""What must hold after a siege, told by nothing of the product.

The clients' journal against the final tables, read with plain SQL; the workspace's own record of
every version of every message; the lines that the crews wrote themselves; the logs.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from practice.state.records import Version
from tests.chaos.siege.crowd import MAY_NOT, SOMEBODY, Crowd
from tests.chaos.siege.journal import DECISIONS, Act, Answered, What
from tests.chaos.siege.plans import PHASES, Effect, effects
from tests.chaos.siege.rest import BY
from tests.chaos.siege.slackside import in_slack
from tests.chaos.siege.tables import ENDED, Checkpoint, Execution, Run, Tables, by_token
from tests.support.workspace import BOT, Workspace

STATE_OF: Final = {
    "continue": "approved",
    "revise": "revised",
    "skip": "skipped",
    "stop": "rejected",
}
OF_MACHINE: Final = 0.05
"""Seconds by which the clocks of a client and of a server on one machine may differ."""

TOLD_WITHIN: Final = 20.0
DELIVERED_WITHIN: Final = 60.0
"""How long after it was said a reply may still be brought."""

GONE_AFTER: Final = 6.0
"""How long a program may live on when the worker that began it is dead or lost its lease."""


@dataclass(frozen=True)
class Scene:
    """What is judged. `stood_still`: moments at which whole processes were stopped and went on."""

    folder: Path
    workspace: Workspace
    crowd: Crowd
    tables: Tables
    kills: int
    moments: list[float]
    lag: float = GONE_AFTER


def violations(scene: Scene) -> list[str]:
    executions = scene.tables.executions()
    told = _told(scene.workspace)
    seen: dict[str, list[Effect]] = defaultdict(list)
    for effect in effects(scene.folder):
        seen[effect.token].append(effect)
    wrong = [*_acknowledged(scene, executions, told)]
    wrong += [
        f"{token} was asked for once, and is there {len(same)} times"
        for token, same in by_token(executions).items()
        if len(same) > 1
    ]
    for execution in executions:
        found = (
            *_end(execution, scene),
            *_decisions(execution, scene),
            *_course(execution, scene),
            *_effects(execution, seen[execution.token], scene),
        )
        wrong += [f"{execution.token}: {words}" for words in found]
    live = sum(execution.state not in (*ENDED, "error") for execution in executions)
    return [*wrong, *in_slack(scene.workspace, scene.crowd, executions), *_still(scene, live)]


def _still(scene: Scene, live: int) -> Iterator[str]:
    if live > len(scene.crowd.left):
        yield f"{live} runs have not ended, and {len(scene.crowd.left)} were left waiting"
    for key in scene.tables.unshown():
        yield f"{key} is still to be shown"


# --- acknowledgements -----------------------------------------------------------------------------


def _told(workspace: Workspace) -> dict[str, list[Version]]:
    """What each person alone was shown, in order."""
    found: dict[str, list[Version]] = defaultdict(list)
    for version in workspace.journal:
        if version.ephemeral_to is not None and version.user == BOT:
            found[version.ephemeral_to].append(version)
    return found


def _acknowledged(
    scene: Scene, executions: list[Execution], told: dict[str, list[Version]]
) -> Iterator[str]:
    """What was acknowledged is in the tables from that moment on, or its author was told so."""
    tokens = by_token(executions)
    rows = {row.id: row for execution in executions for row in execution.checkpoints}
    taken_ts = {
        delivery.payload["event"].get("ts")
        for delivery in scene.workspace.deliveries("events_api")
        if delivery.taken
    }
    for act in scene.crowd.journal.acts:
        said = act.answered is Answered.SAID and act.said_ts in taken_ts
        if not said and act.answered is not Answered.TAKEN:
            continue
        if _stands(act, tokens, rows) or _was_told(act, told):
            continue
        if act.by != BY and _died_meanwhile(act, scene.moments):
            scene.crowd.journal.words_lost += 1  # refused, and the words died with the process
            continue
        yield f"{act.what} of {act.of} by {act.by} was acknowledged, neither kept nor told"


def _stands(act: Act, tokens: dict[str, list[Execution]], rows: dict[str, Checkpoint]) -> bool:
    if act.what in DECISIONS:
        return act.of in rows and _decided(act, rows[act.of])
    return any(_moved(act, execution) for execution in tokens.get(act.of, []))


def _decided(act: Act, row: Checkpoint) -> bool:
    """By whomever, at the moment of the acknowledgement; by REST, which says who lost, by itself.
    A reply is acknowledged some time after it was said."""
    if act.by == BY and (row.action, row.actor) != (act.what.value, act.by):
        return False
    later = DELIVERED_WITHIN if act.answered is Answered.SAID else OF_MACHINE
    return 0 < row.at <= act.ended + later


def _moved(act: Act, execution: Execution) -> bool:
    by_then = act.ended + OF_MACHINE
    if act.what is What.CANCEL:
        return execution.state == "cancelled" and execution.ended <= by_then
    if act.what is What.RETRY:
        return any(at <= by_then for at in execution.retried)
    return True


def _was_told(act: Act, told: dict[str, list[Version]]) -> bool:
    later = DELIVERED_WITHIN if act.answered is Answered.SAID else 0.0
    until = act.ended + TOLD_WITHIN + later
    return any(act.began <= version.at <= until for version in told[act.by])


def _died_meanwhile(act: Act, moments: list[float]) -> bool:
    return any(act.began - 1.0 <= at <= act.ended + TOLD_WITHIN for at in moments)


# --- one run --------------------------------------------------------------------------------------


def _end(execution: Execution, scene: Scene) -> Iterator[str]:
    of = scene.crowd
    if execution.token not in of.plans:
        yield "nobody asked for it"
    left = execution.token in of.left and execution.state == "waiting_feedback"
    failed = execution.token in of.by_rest and execution.state == "error"
    if execution.state not in ENDED and not left and not failed:
        yield f"it is {execution.state}"
    if execution.ended_by in MAY_NOT:
        yield f"it was ended by {execution.ended_by}, who may not"
    pending = [row.id for row in execution.checkpoints if row.state == "pending"]
    if len(pending) != (execution.state == "waiting_feedback"):
        yield f"it is {execution.state} with the pending checkpoints {pending}"


def _decisions(execution: Execution, scene: Scene) -> Iterator[str]:
    acts: dict[str, list[Act]] = defaultdict(list)
    for act in scene.crowd.journal.acts:
        if act.what in DECISIONS:
            acts[act.of].append(act)
    for row in execution.checkpoints:
        if execution.decided[row.id] != bool(row.action):
            yield f"{row.id} was decided {execution.decided[row.id]} times"
        if not row.action:
            if row.state not in ("pending", "cancelled"):
                yield f"{row.id} is {row.state}, and nobody decided it"
            continue
        if row.actor not in SOMEBODY | {BY}:
            yield f"{row.id} was decided by {row.actor}, who may not"
        if STATE_OF[row.action] != row.state:
            yield f"{row.id} is {row.state} by {row.action}"
        asked = [
            act
            for act in acts[row.id]
            if (act.what.value, act.by) == (row.action, row.actor)
            and (act.what is not What.REVISE or act.text == row.text)
        ]
        if not asked:
            yield f"{row.id}: nobody asked for {row.action} by {row.actor} with {row.text!r}"


def _course(execution: Execution, scene: Scene) -> Iterator[str]:
    """Each decision had its effect once: what was queued follows from what was decided."""
    tries: dict[tuple[int, int], list[Run]] = defaultdict(list)
    for run in execution.runs:
        tries[run.phase, run.revision].append(run)
    expected = {(0, 1)}
    for row in execution.checkpoints:
        if row.action == "revise":
            expected.add((row.phase, row.revision + 1))
        elif row.action in ("continue", "skip") and row.phase + 1 < len(PHASES):
            expected.add((row.phase + 1, 1))
    if set(tries) != expected:
        yield f"the phases {sorted(tries)} were run, not {sorted(expected)}"
    for (phase, revision), runs in tries.items():
        place = f"{PHASES[phase]} in revision {revision}"
        done = sum(run.state == "done" for run in runs)
        cancelled = execution.state == "cancelled"
        if done > 1 or (done == 0 and not cancelled and execution.state != "error"):
            yield f"{place} was done {done} times"
        attempts = Counter(run.attempt for run in runs)
        if max(attempts.values()) > 1 and not execution.retried:
            yield f"{place} has its tries twice: {attempts}"
        failed = sum(run.state == "failed" for run in runs)
        if failed > _allowed_failures(execution, scene, phase):
            yield f"{place} failed {failed} times"


def _allowed_failures(execution: Execution, scene: Scene, phase: int) -> int:
    planned = "fails" in scene.crowd.plans[execution.token].words and PHASES[phase] == "check"
    return planned + scene.kills


def _effects(execution: Execution, seen: list[Effect], scene: Scene) -> Iterator[str]:
    """The crew was begun once a claim, while its phase was open, with the words of the decision."""
    wishes = {
        (row.phase, row.revision + 1): row.text
        for row in execution.checkpoints
        if row.action == "revise"
    }
    begun = Counter((e.phase, e.feedback) for e in seen if e.event == "begin")
    claims: Counter[tuple[str, str]] = Counter()
    for run in execution.runs:
        wish = wishes.get((run.phase, run.revision), "")
        claims[run.name, wish] += run.fence
        if run.state == "done" and not begun[run.name, wish]:
            yield f"{run.name} is done, but no crew was given {wish!r}"
    for (phase, wish), times in begun.items():
        if times > claims[phase, wish]:
            yield f"{phase} was begun {times} times with {wish!r} for {claims[phase, wish]} claims"
    for effect in seen:
        if not any(
            run.name == effect.phase
            and run.created - OF_MACHINE <= effect.at
            and (not run.ended or effect.at <= run.ended + scene.lag)
            for run in execution.runs
        ):
            yield f"{effect.phase} had its {effect.event} when that phase was not open"
