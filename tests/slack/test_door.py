"""The HTTP door: garbage gets a 4xx and changes nothing; signed requests from Slack work."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import logging
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.door import DoorAnswer
from tests.slack.stage import Stage
from tests.support.workspace import ANA, BEN, Workspace

SECRET_WORDS = "the-body-must-not-be-logged"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
EVENT = '{"type": "event_callback", "event": %s}'


@pytest.fixture(scope="module")
def http_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    database = tmp_path_factory.mktemp("door") / "c.db"
    with Workspace() as workspace, Stage(workspace, database, mode="http") as stage:
        yield stage


@contextmanager
def served(stage: Stage) -> Iterator[None]:
    """Serve the door at an address to which the workspace delivers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = stage.front.door(dict(self.headers.items()), body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *_arguments: object) -> None:
            del format

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    stage.workspace.reach_by_http(f"http://127.0.0.1:{server.server_port}/slack/events")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def knock(
    stage: Stage,
    body: bytes | str,
    *,
    kind: str = FORM,
    age: float = 0.0,
    secret: str = "practice",
    **headers: str,
) -> DoorAnswer:
    """Deliver a body signed as Slack signs, or with the parts that are passed instead."""
    raw = body.encode() if isinstance(body, str) else body
    timestamp = str(int(stage.clock.now().timestamp() - age))
    digest = hmac.new(
        secret.encode(), f"v0:{timestamp}:".encode() + raw, hashlib.sha256
    ).hexdigest()
    sent = {
        "Content-Type": kind,
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={digest}",
    }
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})
    return stage.front.door(sent, raw)


def click(**parts: object) -> str:
    return payload({"type": "block_actions", "user": {"id": "U1"}, **parts})


def payload(body: object) -> str:
    return urlencode({"payload": json.dumps(body)})


def test_a_run_works_over_signed_http_from_the_command_to_a_revision(http_stage: Stage) -> None:
    stage, workspace = http_stage, http_stage.workspace
    with served(stage):
        execution = stage.start("plan a launch")
        stage.work()
        message = stage.armed(execution)
        workspace.click("Revise", by=BEN, message=message)
        workspace.submit({"revision_text": "shorter"}, by=BEN)
        stage.wait_until_read(message, f"Revision requested by <@{BEN}>")
        stage.work()
        again = stage.armed(execution)
        workspace.mention("longer", by=ANA, thread=again)
        stage.wait_until_read(again, f"Revision requested by <@{ANA}>")


def test_slacks_url_verification_is_answered(http_stage: Stage) -> None:
    answer = knock(
        http_stage, json.dumps({"type": "url_verification", "challenge": "xyz"}), kind=JSON
    )
    assert answer.status == 200
    assert b"xyz" in answer.body


GARBAGE: dict[str, tuple[int, dict[str, Any]]] = {
    "unsigned": (401, {"body": "x=1", "X_Slack_Signature": ""}),
    "another secret": (401, {"body": payload({"type": "block_actions"}), "secret": "other"}),
    "signature not ascii": (401, {"body": "x=1", "X_Slack_Signature": "v0=é\udcff"}),
    "no time": (401, {"body": "x=1", "X_Slack_Request_Timestamp": ""}),
    "time not a number": (401, {"body": "x=1", "X_Slack_Request_Timestamp": "now"}),
    "time of other digits": (401, {"body": "x=1", "X_Slack_Request_Timestamp": "١٢٣"}),
    "endless time": (401, {"body": "x=1", "X_Slack_Request_Timestamp": "9" * 5000}),
    "stale": (401, {"body": "x=1", "age": 301.0}),
    "from the future": (401, {"body": "x=1", "age": -302.0}),
    "oversized": (413, {"body": b"x" * (1024 * 1024 + 1)}),
    "not utf-8": (400, {"body": b"payload=\xff\xfe"}),
    "form not utf-8": (400, {"body": "payload=%ff%fe"}),
    "unknown kind": (415, {"body": "<xml/>", "kind": "text/xml"}),
    "no kind": (415, {"body": "{}", "kind": ""}),
    "empty form": (400, {"body": ""}),
    "empty json": (400, {"body": "", "kind": JSON}),
    "half json": (400, {"body": '{"type": "event', "kind": JSON}),
    "json list": (400, {"body": "[1, 2]", "kind": JSON}),
    "json string": (400, {"body": '"x"', "kind": JSON}),
    "deep json": (400, {"body": "[" * 200_000, "kind": JSON}),
    "payload not json": (400, {"body": "payload=x"}),
    "payload a list": (400, {"body": payload([])}),
    "many fields": (400, {"body": "&".join(f"a{n}=1" for n in range(5000))}),
    "unknown type": (400, {"body": payload({"type": "surprise"})}),
    "type not a string": (400, {"body": payload({"type": {"a": 1}})}),
    "command without slash": (400, {"body": urlencode({"command": "crew", "text": ""})}),
    "command without a user": (400, {"body": urlencode({"command": "/crew", "text": "help"})}),
    "event that is a number": (400, {"body": EVENT % "5", "kind": JSON}),
    "event without type": (400, {"body": EVENT % "{}", "kind": JSON}),
    "actions empty": (400, {"body": click(actions=[])}),
    "user a number": (400, {"body": click(user=7, actions=[{}])}),
    "view missing": (400, {"body": payload({"type": "view_submission", "user": {"id": "U1"}})}),
    "challenge missing": (400, {"body": '{"type": "url_verification"}', "kind": JSON}),
}  # fmt: skip


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_gets_a_4xx(http_stage: Stage, name: str) -> None:
    status, request = GARBAGE[name]
    body = request["body"]
    answer = knock(http_stage, body, **{k: v for k, v in request.items() if k != "body"})

    assert answer.status == status


def test_signed_garbage_only_ever_gets_a_4xx_and_changes_nothing(
    http_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    http_stage.workspace.wait_for(
        lambda: not http_stage.outbox.has_pending(), what="delivery to end"
    )
    before = http_stage.workspace.transcript()
    dice = random.Random(7)
    for _ in range(300):
        parts = garbage(dice, depth=0)
        body, kind = (json.dumps(parts), JSON) if dice.random() < 0.5 else (payload(parts), FORM)
        answer = knock(http_stage, body, kind=kind)
        assert 400 <= answer.status < 500, (answer, parts)
    assert SECRET_WORDS not in caplog.text
    assert http_stage.workspace.transcript().split("latest")[0] == before.split("latest")[0]


def test_real_payloads_with_a_corrupted_part_never_get_a_5xx(
    http_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage, workspace = http_stage, http_stage.workspace
    stage.tidy()
    with served(stage):
        execution = stage.start("plan a launch")
        stage.work()
        message = stage.armed(execution)
        workspace.click("Revise", by=BEN, message=message)
        workspace.submit({"revision_text": "   "}, by=BEN)
        workspace.close_view(BEN)
        workspace.reply("hm", by=ANA, thread=message)
        stage.answer_to(ANA, "Shall I take")
    kinds = {"interactive": FORM, "events_api": JSON, "slash_commands": FORM}
    real = {(d.kind, d.name.split()[0]): d for d in workspace.deliveries()}.values()
    assert len(real) >= 5
    dice = random.Random(11)
    for delivery in real:
        for _ in range(15):
            parts = corrupted(dice, delivery.payload)
            if delivery.kind == "slash_commands":
                body = urlencode({name: str(value) for name, value in parts.items()})
            else:
                body = payload(parts) if kinds[delivery.kind] == FORM else json.dumps(parts)
            answer = knock(stage, body, kind=kinds[delivery.kind])
            assert answer.status < 500, parts
    failed = [r for r in caplog.records if r.message == "slack.listener_failed"]
    assert failed == []


def corrupted(dice: random.Random, original: dict[str, Any]) -> dict[str, Any]:
    """A copy in which one part, anywhere, is missing or has another value."""
    copied: dict[str, Any] = copy.deepcopy(original)
    node: Any = copied
    while True:
        key = dice.choice(list(node) if isinstance(node, dict) else range(len(node)))
        inner = node[key]
        if isinstance(inner, dict | list) and inner and dice.random() < 0.7:
            node = inner
            continue
        if dice.random() < 0.3:
            del node[key]
        else:
            node[key] = dice.choice([None, 7, True, "", "x", [], {}, ["x"], {"id": 5}])
        return copied


KEYS = [
    *(
        "type",
        "event",
        "user",
        "team",
        "actions",
        "view",
        "channel",
        "authorizations",
        "enterprise",
    ),
    *(
        "container",
        "message",
        "action_id",
        "value",
        "state",
        "callback_id",
        "id",
        "token",
        "command",
    ),
    *("text", "ts", "thread_ts", "api_app_id", "trigger_id", "private_metadata", "subtype"),
]
TYPES = ["block_actions", "view_submission", "view_closed", "event_callback", "message", "shortcut"]


def garbage(dice: random.Random, *, depth: int) -> dict[str, object]:
    """An object with Slack's field names in the wrong places."""

    def value() -> object:
        choice = dice.randint(0, 8 if depth < 3 else 4)
        if choice == 0:
            return dice.choice([None, True, 0, -1, 1.5, 10**400])
        if choice == 1:
            return dice.choice(
                ["", SECRET_WORDS, "checkpoint_continue", "revision", "U1", "\ud800"]
            )
        if choice < 5:
            return dice.choice(TYPES)
        if choice == 5:
            return [garbage(dice, depth=depth + 1) for _ in range(dice.randint(0, 2))]
        return garbage(dice, depth=depth + 1)

    return {dice.choice(KEYS): value() for _ in range(dice.randint(0, 9))}


@pytest.mark.parametrize(
    "action",
    [
        {"action_id": "checkpoint_continue", "value": "no such checkpoint"},
        {"action_id": "checkpoint_revise", "value": SECRET_WORDS},
        {"action_id": "execution_cancel", "value": ""},
        {"action_id": "revision_use_reply", "value": SECRET_WORDS},
        {"action_id": "revision_use_reply", "value": "a b c"},
        {"action_id": "unknown_action", "value": "x"},
        {"action_id": "checkpoint_outcome_0", "value": "no such checkpoint"},
        {"action_id": "checkpoint_outcome_99999999999", "value": SECRET_WORDS},
        {"action_id": "checkpoint_outcome", "value": SECRET_WORDS},
        {"action_id": "checkpoint_outcome", "selected_option": {"value": "a b c"}},
        {"action_id": "checkpoint_outcome", "selected_option": "x"},
        {"action_id": "checkpoint_answer", "value": SECRET_WORDS},
        {"action_id": "checkpoint_outcome_words", "value": ""},
        {"action_id": "lesson_keep", "value": SECRET_WORDS},
        {"action_id": "lesson_delete", "value": SECRET_WORDS},
    ],
)
def test_well_formed_clicks_with_unknown_values_do_no_harm(
    http_stage: Stage, caplog: pytest.LogCaptureFixture, action: dict[str, object]
) -> None:
    body = {
        "type": "block_actions",
        "user": {"id": ANA, "username": "ana"},
        "team": {"id": "T1"},
        "container": {"type": "message", "message_ts": "1.0", "channel_id": "C1"},
        "channel": {"id": "C1"},
        "trigger_id": SECRET_WORDS,
        "actions": [{"type": "button", "block_id": "b", **action}],
    }
    answer = knock(http_stage, payload(body))

    assert answer.status < 500
    assert SECRET_WORDS not in caplog.text


def test_nothing_of_a_refused_body_is_logged(
    http_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    knock(http_stage, f"payload={SECRET_WORDS}", secret="other")
    knock(http_stage, f"payload={SECRET_WORDS}")
    knock(http_stage, payload({"type": SECRET_WORDS}))
    knock(http_stage, urlencode({"command": "/unknown", "text": SECRET_WORDS, "channel_id": "C",
                                 "user_id": "U", "trigger_id": "t"}))  # fmt: skip

    assert SECRET_WORDS not in caplog.text
    assert [r.message for r in caplog.records].count("slack.door_refused") == 3


def test_an_event_that_could_not_be_committed_is_not_acknowledged_and_comes_again(
    http_stage: Stage,
) -> None:
    stage, workspace = http_stage, http_stage.workspace
    stage.tidy()
    workspace.retry_events_after(0.0, 0.3, 0.3, 0.3, 0.3, 0.3)
    with served(stage):
        execution = stage.start("plan a launch")
        stage.work()
        message = stage.armed(execution)
        workspace.wait_for(lambda: not stage.outbox.has_pending())
        with stage.engine.connect() as locking:
            locking.exec_driver_sql("BEGIN IMMEDIATE")  # holds the one write lock
            mention = workspace.mention("shorter", by=ANA, thread=message)
            event = workspace.wait_for(
                lambda: next(
                    (d for d in workspace.deliveries("events_api") if mention.ts in str(d.payload)),
                    None,
                )
            )
            workspace.wait_for(lambda: event.attempts and not event.attempts[0].ok)
            locking.rollback()

        stage.wait_until_read(message, f"Revision requested by <@{ANA}>")
        assert [r.revision for r in stage.reads.phase_runs(execution.id)] == [1, 2]
