"""blocks.validate."""

from __future__ import annotations

import httpx
import pytest

from tests.practice.samples import modal, question
from tests.support.workspace import Workspace

HEADING = {"type": "header", "text": {"type": "mrkdwn", "text": "x"}}


def validated(workspace: Workspace, **arguments: object) -> dict[str, object]:
    address = f"{workspace.url}/api/blocks.validate"
    answer: dict[str, object] = httpx.post(address, json=arguments, trust_env=False).json()
    return answer


def test_good_blocks_messages_and_views_pass_without_a_token(workspace: Workspace) -> None:
    for arguments in (
        {"blocks": question()},
        {"message": {"text": "Go on?", "blocks": question()}},
        {"view": modal()},
    ):
        assert validated(workspace, **arguments) == {"ok": True}


@pytest.mark.parametrize(
    ("name", "subject", "pointer"),
    [
        ("blocks", [HEADING], "/0/text/type"),
        ("message", {"blocks": [HEADING]}, "/blocks/0/text/type"),
        ("view", modal(HEADING), "/blocks/0/text/type"),
    ],
)
def test_each_error_points_to_its_place(
    workspace: Workspace, name: str, subject: object, pointer: str
) -> None:
    assert validated(workspace, **{name: subject}) == {
        "ok": False,
        "error": f"invalid_{name}",
        "errors": [
            {
                "pointer": pointer,
                "code": "failed_constraint",
                "message": "must be one of: plain_text",
            }
        ],
    }


def test_exactly_one_thing_is_checked_at_once(workspace: Workspace) -> None:
    assert validated(workspace)["error"] == "invalid_arguments"
    both = {"blocks": question(), "view": modal()}
    assert validated(workspace, **both)["error"] == "invalid_arguments"
