"""The kinds of payloads that Slack sends: a workspace, Grid, an organization, Slack Connect.

Slack's SDKs hold recorded payloads. These are our own, with the same keys and types.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.slack.ids import TEXT_BLOCK
from practice.state.records import Json, User
from storage.states import CheckpointState, ExecutionState
from tests.slack.stage import Stage
from tests.support.workspace import ANA, BEN, OLGA, Workspace

TEAM, GRID, ELSEWHERE = "T00PRACTICE", "E00GRID0001", "T00OUTSIDE0"
WIM = "W00WIM0001"
"""On Grid, ids of people may begin with a W."""

Rewrite = Callable[[str, Json], Json]


def unchanged(_kind: str, payload: Json) -> Json:
    return payload


def all_keys(kind: str, payload: Json) -> Json:
    """Every key that recorded payloads have and this bot has no use for."""
    changed = copy.deepcopy(payload)
    if kind == "slash_commands":
        return changed | {"enterprise_id": "", "enterprise_name": "", "thread_ts": ""}
    if kind == "events_api":
        event = changed["event"]
        event |= {
            "team": TEAM,
            "user_team": TEAM,
            "source_team": TEAM,
            "user_profile": {"name": "x", "team": TEAM, "is_restricted": False},
            "client_msg_id": "4d6f0f3c-0000-4000-8000-000000000000",
            "suppress_notification": False,
            "parent_user_id": event.get("parent_user_id", BEN),
        }
        return changed | {
            "api_app_id": changed["api_app_id"],
            "authed_users": ["U00SIGN001"],
            "authed_teams": [TEAM],
            "event_context": "4-eyJldCI6Im1lc3NhZ2UifQ",
        }
    changed |= {"is_cleared": False, "function_data": None, "interactivity": None}
    for action in changed.get("actions", []):
        action |= {"confirm": None, "placeholder": None, "selected_option": None}
    return changed


def install_as_text(kind: str, payload: Json) -> Json:
    """`is_enterprise_install` as a string everywhere, as some recorded payloads have it."""
    changed = copy.deepcopy(payload)
    changed["is_enterprise_install"] = "false"
    if kind == "interactive":
        changed["enterprise"] = None
    return changed


def organization(kind: str, payload: Json) -> Json:
    """An app of a whole organization: a team that may be missing, and its id in views."""
    changed = copy.deepcopy(payload)
    if kind == "interactive" and "view" in changed:
        changed["team"] = None
        changed["view"]["app_installed_team_id"] = GRID
        changed["user"]["team_id"] = TEAM
    return changed


def connected(kind: str, payload: Json) -> Json:
    """A channel that is shared with another workspace by Slack Connect."""
    changed = copy.deepcopy(payload)
    if kind == "events_api":
        changed |= {
            "is_ext_shared_channel": True,
            "context_team_id": TEAM,
            "event_context": "4-eyJldCI6Im1lc3NhZ2UifQ",
        }
        changed["authorizations"][0]["is_bot"] = True
        changed["event"] |= {"user_team": TEAM, "source_team": TEAM, "blocks": [], "team": TEAM}
    if kind == "interactive" and "channel" in changed:
        changed["channel"]["name"] = "campaigns"
        changed["message"] = changed.get("message", {}) | {"team": ELSEWHERE}
    return changed


VARIANTS: dict[str, tuple[Rewrite, bool]] = {
    "workspace": (unchanged, False),
    "all keys": (all_keys, False),
    "grid": (unchanged, True),
    "grid, install as text": (install_as_text, True),
    "organization": (organization, True),
    "connect": (connected, False),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_run_is_started_revised_and_continued(
    own_workspace: Workspace, tmp_path: Path, variant: str
) -> None:
    rewrite, on_grid = VARIANTS[variant]
    workspace = own_workspace
    if on_grid:
        workspace.join_enterprise(ANA, BEN, installs_app=variant == "organization")
    workspace.rewrite(rewrite)
    with Stage(workspace, tmp_path / "c.db") as stage:
        execution = stage.start(by=ANA)
        stage.work("The first draft.")
        message = stage.armed(execution)

        assert workspace.click("Revise", by=BEN, message=message).ok
        assert workspace.submit({TEXT_BLOCK: "Shorter, please."}, by=BEN).ok
        stage.wait_until_read(message, "Revision requested by")
        stage.work("The second draft.")
        second = stage.armed(execution)

        workspace.mention("and louder", by=ANA, thread=second)
        workspace.wait_for(
            lambda: stage.reads.phase_runs(execution.id)[-1].revision == 3, what="a revision"
        )
        stage.work("The third draft.")
        third = stage.armed(execution)
        assert workspace.click("Continue", by=BEN, message=third).ok
        workspace.wait_for(
            lambda: stage.reads.execution(execution.id).state is ExecutionState.RUNNING
        )
        decided = [c for c in stage.reads.checkpoints(execution.id) if c.feedback is not None]
        assert [c.state for c in decided] == [
            CheckpointState.REVISED,
            CheckpointState.REVISED,
            CheckpointState.APPROVED,
        ]
    problems = {a.problem for d in workspace.deliveries() for a in d.attempts if a.problem}
    assert problems <= {"connection_lost", "no_connection"}


def test_a_person_whose_id_begins_with_w_may_decide(
    own_workspace: Workspace, tmp_path: Path
) -> None:
    workspace = own_workspace
    workspace.join_enterprise(ANA)
    wim = User(WIM, "wim", "Wim Bos", "", enterprise_teams=[TEAM])
    workspace.add_user(wim)
    workspace.invite("campaigns", WIM)
    with Stage(workspace, tmp_path / "c.db") as stage:
        execution = stage.start(by=WIM)
        stage.work("The first draft.")
        workspace.click("Continue", by=WIM, message=stage.armed(execution))

        assert [actor.id for actor in stage.decided_by(execution)] == [WIM]


def test_people_of_another_workspace_may_not_decide_in_a_shared_channel(
    own_workspace: Workspace, tmp_path: Path
) -> None:
    workspace = own_workspace
    workspace.rewrite(connected)
    with Stage(workspace, tmp_path / "c.db") as stage:
        execution = stage.start(by=ANA)
        stage.work("The first draft.")
        workspace.click("Continue", by=OLGA, message=stage.armed(execution))

        assert "other workspaces" in stage.answer_to(OLGA, "may not decide")
        assert stage.waiting(execution).state is CheckpointState.PENDING


@pytest.mark.parametrize("kind", ["file_share", "thread_broadcast", None])
def test_a_reply_of_any_subtype_that_people_write_counts(
    own_workspace: Workspace, tmp_path: Path, kind: str | None
) -> None:
    workspace = own_workspace

    def with_subtype(_kind: str, payload: Json) -> Json:
        event = payload.get("event", {})
        if kind is None or event.get("user") != BEN or event.get("type") != "message":
            return payload
        return payload | {"event": event | {"subtype": kind, "files": [], "upload": False}}

    workspace.rewrite(with_subtype)
    with Stage(workspace, tmp_path / "c.db") as stage:
        execution = stage.start(by=ANA)
        stage.work("The first draft.")
        message = stage.armed(execution)
        workspace.mention("shorter, please", by=BEN, thread=message)

        workspace.wait_for(
            lambda: stage.reads.phase_runs(execution.id)[-1].revision == 2, what="a revision"
        )
