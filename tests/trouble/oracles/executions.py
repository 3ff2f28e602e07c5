"""Checks every execution after a load, without using the product's code.

Compares the clients' journal with the final tables, read with plain SQL, with the workspace's
record of every version of every message, and with the log that the crews wrote.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from practice.state.records import Version
from tests.support.workspace import BOT, Workspace
from tests.trouble.crews.effects import Effect, effects
from tests.trouble.db import (
    ENDED,
    STATE_OF,
    Checkpoint,
    Database,
    Execution,
    PhaseRun,
    by_token,
)
from tests.trouble.load.crowd import MAY, MAY_NOT, Crowd
from tests.trouble.load.journal import DECISIONS, Act, ActKind, ActResult, Reading
from tests.trouble.load.plans import WITH_WORDS, Move, Plan
from tests.trouble.load.rest import BY
from tests.trouble.oracles.messages import in_slack
from tests.trouble.oracles.texts import Texts, in_texts

CLOCK_SKEW: Final = 0.05
"""Seconds by which the clocks of a client and a server on one machine may differ."""

REFUSED_WITHIN: Final = 20.0
DELIVERED_WITHIN: Final = 60.0
"""Seconds after a reply was posted in which it may still be delivered."""

_BETWEEN: Final = ("phase", "gate")
"""The kinds of checkpoints at which no crew runs."""

_ACTIONS: Final = {Move.SKIP: "skip", Move.STOP: "stop", Move.LEAVE: ""}


@dataclass(frozen=True)
class Scene:
    """What is checked.

    `ignored`: tokens of earlier runs. `failures`: how often each phase may fail. `deaths`: the
    number of extra phase starts allowed, or None if it is unknown. `moments`: times at which
    messages to people may have been lost with a process. `compared`: the number of hashes compared,
    by token.
    """

    effects: Path
    workspace: Workspace
    crowd: Crowd
    database: Database
    ignored: frozenset[str]
    failures: int
    deaths: int | None
    moments: list[float]
    lag: float
    compared: Counter[str] = field(default_factory=Counter)


def violations(scene: Scene) -> list[str]:
    executions = [e for e in scene.database.executions() if e.token not in scene.ignored]
    ephemerals = _ephemerals(scene.workspace)
    log: dict[str, list[Effect]] = defaultdict(list)
    for effect in effects(scene.effects):
        log[effect.token].append(effect)
    wrong = [*_acknowledged(scene, executions, ephemerals), *_recorded(scene, executions)]
    for execution in executions:
        plan = scene.crowd.plans.get(execution.token)
        if plan is None:
            wrong.append(f"{execution.token}: nobody started it")
            continue
        readings = [r for r in scene.crowd.readings if r.token == execution.token]
        problems = [
            *_end(execution, plan, readings, scene),
            *_decisions(execution, plan, scene),
            *_course(execution, plan, scene),
            *_effects(execution, plan, log[execution.token], scene),
        ]
        if plan.exact:
            problems += _as_planned(execution, plan, readings)
        if plan.kind.marked:
            answers = [h for h in scene.crowd.answers if h.token == execution.token]
            texts = Texts(execution, plan, readings, answers, log[execution.token])
            problems += in_texts(texts, scene.workspace, scene.compared)
        wrong += [f"{execution.token} ({plan.kind.name}): {words}" for words in problems]
    slack = in_slack(scene.workspace, executions, scene.crowd.plans, scene.crowd.by_rest)
    return [*wrong, *slack, *_unfinished(scene, executions)]


def _recorded(scene: Scene, executions: list[Execution]) -> Iterator[str]:
    counted = by_token(executions)
    for token, count in counted.items():
        if count > 1:
            yield f"{token} was started once, but recorded {count} times"
    for token, plan in scene.crowd.plans.items():
        if plan.exact and not counted[token]:
            yield f"{token} was never recorded"


def _unfinished(scene: Scene, executions: list[Execution]) -> Iterator[str]:
    live = sum(execution.state not in (*ENDED, "error") for execution in executions)
    if live > len(scene.crowd.left):
        yield f"{live} executions have not ended, but {len(scene.crowd.left)} were left waiting"
    for key in scene.database.unshown():
        yield f"{key} is still to be shown"


# --- acknowledgements -----------------------------------------------------------------------------


def _ephemerals(workspace: Workspace) -> dict[str, list[Version]]:
    """The bot's ephemeral messages to each person, in order."""
    ephemerals: dict[str, list[Version]] = defaultdict(list)
    for version in workspace.journal:
        if version.ephemeral_to is not None and version.user == BOT:
            ephemerals[version.ephemeral_to].append(version)
    return ephemerals


def _acknowledged(
    scene: Scene, executions: list[Execution], ephemerals: dict[str, list[Version]]
) -> Iterator[str]:
    """Every acknowledged act is recorded from that time on, or its author got a refusal."""
    by_name = {execution.token: execution for execution in executions}
    rows = {row.id: row for execution in executions for row in execution.checkpoints}
    delivered = {
        delivery.payload["event"].get("ts")
        for delivery in scene.workspace.deliveries("events_api")
        if delivery.taken
    }
    for act in scene.crowd.journal.acts:
        was_delivered = act.result is ActResult.POSTED and act.reply_ts in delivered
        if not was_delivered and act.result is not ActResult.TAKEN:
            continue
        if _is_recorded(act, by_name, rows) or _was_notified(act, ephemerals):
            continue
        if act.by != BY and _was_lost(act, scene.moments):
            scene.crowd.journal.words_lost += (
                1  # refused, but the message was lost with the process
            )
            continue
        name = f"{act.what} of {act.of} by {act.by}"
        yield f"{name} was acknowledged, but neither recorded nor answered"


def _is_recorded(act: Act, by_name: dict[str, Execution], rows: dict[str, Checkpoint]) -> bool:
    if act.what in DECISIONS:
        return act.of in rows and _is_decided(act, rows[act.of])
    execution = by_name.get(act.of)
    if execution is None:
        return False
    by_then = act.ended + CLOCK_SKEW
    if act.what is ActKind.CANCEL:
        return execution.state == "cancelled" and execution.ended_at <= by_then
    if act.what is ActKind.RETRY:
        return any(at <= by_then for at in execution.retried)
    return True


def _is_decided(act: Act, row: Checkpoint) -> bool:
    """Whether the checkpoint was decided, by anybody, when the act was acknowledged.

    A REST decision must be its own, since REST refuses the loser. A reply is acknowledged some time
    after it was posted.
    """
    if act.by == BY and (row.action, row.actor) != (act.what.value, act.by):
        return False
    delay = DELIVERED_WITHIN if act.result is ActResult.POSTED else CLOCK_SKEW
    return 0 < row.decided_at <= act.ended + delay


def _was_notified(act: Act, ephemerals: dict[str, list[Version]]) -> bool:
    delay = DELIVERED_WITHIN if act.result is ActResult.POSTED else 0.0
    until = act.ended + REFUSED_WITHIN + delay
    return any(act.started <= version.at <= until for version in ephemerals[act.by])


def _was_lost(act: Act, moments: list[float]) -> bool:
    return any(act.started - 1.0 <= at <= act.ended + REFUSED_WITHIN for at in moments)


# --- one execution ----------------------------------------------------------------------------


def _end(execution: Execution, plan: Plan, readings: list[Reading], scene: Scene) -> Iterator[str]:
    left = execution.token in scene.crowd.left and execution.state == "waiting_feedback"
    failed = execution.token in scene.crowd.by_rest and execution.state == "error"
    if execution.state not in ENDED and not left and not failed:
        yield f"it is {execution.state}"
    if execution.ended_by in MAY_NOT:
        yield f"it was ended by {execution.ended_by}, who may not do so"
    pending = [row.id for row in execution.checkpoints if row.state == "pending"]
    if len(pending) != (execution.state == "waiting_feedback"):
        yield f"it is {execution.state} with the pending checkpoints {pending}"
    if plan.exact:
        last = plan.moves[-1]
        expected = {Move.STOP: "stopped", Move.LEAVE: "waiting_feedback"}.get(last, "completed")
        if execution.state != expected:
            yield f"it is {execution.state}, not {expected}: {execution.error}"
        if [reading.move for reading in readings] != [*plan.moves]:
            yield f"people were asked {len(readings)} times, not {len(plan.moves)}"


def _decisions(execution: Execution, plan: Plan, scene: Scene) -> Iterator[str]:
    acts: dict[str, list[Act]] = defaultdict(list)
    for act in scene.crowd.journal.acts:
        if act.what in DECISIONS:
            acts[act.of].append(act)
    for row in execution.checkpoints:
        if len(row.log) != bool(row.action):
            yield f"checkpoint {row.id} was decided {len(row.log)} times"
        if not row.action:
            if row.state not in ("pending", "cancelled"):
                yield f"{row.id} is {row.state}, but nobody decided it"
            continue
        if row.actor not in MAY | {BY}:
            yield f"{row.id} was decided by {row.actor}, who may not decide"
        if STATE_OF[row.action] != row.state:
            yield f"{row.id} is {row.state} by {row.action}"
        if not any(_asks_for(act, row) for act in acts[row.id]):
            yield f"{row.id}: nobody asked for {row.action} by {row.actor} with {row.text!r}"


def _asks_for(act: Act, row: Checkpoint) -> bool:
    """The act matches the decision; the crew maps outcomes of gates and answers to actions."""
    what = row.kind != "phase" or act.what.value == row.action
    return act.by == row.actor and what and (act.what is not ActKind.REVISE or act.text == row.text)


def _as_planned(execution: Execution, plan: Plan, readings: list[Reading]) -> Iterator[str]:
    rows = [row for row in execution.checkpoints if row.kind in _BETWEEN]
    if [row.id for row in rows] != [reading.checkpoint for reading in readings]:
        yield "the checkpoints that people saw are not those that were opened"
        return
    for row, reading in zip(rows, readings, strict=True):
        move = reading.move
        expected = {_ACTIONS.get(move, "revise" if move in plan.kind.revising else "continue")}
        if row.kind == "gate" and move in plan.kind.revising:
            expected = {"revise", "continue"}  # an outcome that leads back
        if row.action not in expected:
            yield f"after {move} checkpoint {row.id} is {row.state} by {row.action}"
        text = plan.wish(reading.number) if move in WITH_WORDS else ""
        if row.text != text:
            yield f"{move} was recorded with the words {row.text!r}"
    done = sum(run.state == "done" for run in execution.runs)
    others = [
        f"{r.phase} {r.state} in try {r.attempt}" for r in execution.runs if r.state != "done"
    ]
    passed = sum(row.state != "pending" for row in rows)
    if done != 1 + passed - (plan.moves[-1] is Move.STOP) or others:
        yield f"{passed} decisions led to {done} finished phases and to {others}"


def _course(execution: Execution, plan: Plan, scene: Scene) -> Iterator[str]:
    """Each decision had its effect once: the phase runs follow from the decisions."""
    phases = plan.kind.phases
    if not phases:
        return
    tries: dict[tuple[int, int], list[PhaseRun]] = defaultdict(list)
    for run in execution.runs:
        tries[run.phase_index, run.revision].append(run)
    expected = {(0, 1)}
    for row in execution.checkpoints:
        if row.action == "revise" and row.kind == "phase":
            expected.add((row.phase_index, row.revision + 1))
        elif row.action in ("continue", "skip") and row.phase_index + 1 < len(phases):
            expected.add((row.phase_index + 1, 1))
    if set(tries) != expected:
        yield f"the phases {sorted(tries)} were run, not {sorted(expected)}"
    for (phase, revision), runs in tries.items():
        place = f"{runs[0].phase} in revision {revision}"
        done = sum(run.state == "done" for run in runs)
        cancelled = execution.state == "cancelled"
        if done > 1 or (done == 0 and not cancelled and execution.state != "error"):
            yield f"{place} was done {done} times"
        attempts = Counter(run.attempt for run in runs)
        if max(attempts.values()) > 1 and not execution.retried:
            yield f"{place} has its tries twice: {attempts}"
        failed = sum(run.state == "failed" for run in runs)
        if failed > scene.failures + ("fails" in plan.words and phases[phase] == "check"):
            errors = "; ".join(run.error for run in runs if run.state == "failed")
            yield f"{place} failed {failed} times: {errors}"


def _effects(execution: Execution, plan: Plan, log: list[Effect], scene: Scene) -> Iterator[str]:
    """The crew started once per claim, while its phase was open, with the decision's feedback."""
    if not plan.kind.phases:
        return
    wishes = {
        (row.phase_index, row.revision + 1): row.text
        for row in execution.checkpoints
        if row.action == "revise"
    }
    starts = Counter((effect.part, effect.feedback) for effect in log if effect.event == "begin")
    claims: Counter[tuple[str, str]] = Counter()
    phase_of = {effect.part: plan.kind.phase_of.get(effect.part, effect.part) for effect in log}
    logged: Set[str] = {*phase_of.values()}
    for run in execution.runs:
        wish = wishes.get((run.phase_index, run.revision), "")
        claims[run.phase, wish] += run.fence
        if run.state == "done" and run.phase not in logged:
            yield f"{run.phase} is done, but no crew logged it"
        if run.state == "done" and plan.kind.logs_begin and not starts[run.phase, wish]:
            yield f"{run.phase} is done, but no crew got {wish!r}"
    if scene.deaths is not None and starts.total() > len(execution.runs) + scene.deaths:
        yield f"with {scene.deaths} deaths the phase starts are {starts}"
    for (phase, wish), times in starts.items():
        if times > claims[phase, wish]:
            yield f"{phase} started {times} times with {wish!r} for {claims[phase, wish]} claims"
    for effect in log:
        if effect.event != "call" and not any(
            run.phase == phase_of[effect.part]
            and run.created_at - CLOCK_SKEW <= effect.at
            and (not run.ended_at or effect.at <= run.ended_at + scene.lag)
            for run in execution.runs
        ):
            yield f"{effect.part} logged {effect.event} while its phase was not open"
