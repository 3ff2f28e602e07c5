"""`countersign audit verify`, `export` and `erase`, as an operator runs them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.cli import main
from storage.states import ExecutionState
from tests.support.installation import UMLAUTS, Installation
from tests.support.schema import upgraded


class Operator:
    """Runs commands in a folder with a database, and sees what they print."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "countersign.db"
        self._capsys = capsys
        engine = upgraded(f"sqlite:///{self.file}")
        self.executions = Installation(engine).live()
        engine.dispose()

    def run(self, *arguments: str, exits: int = 0) -> str:
        """Return what was printed on stdout, or on stderr if it failed there."""
        self._capsys.readouterr()
        assert main(arguments) == exits
        out, errors = self._capsys.readouterr()
        return out or errors

    def tamper(self, statement: str) -> None:
        with closing(sqlite3.connect(self.file)) as database, database:
            database.execute("DROP TRIGGER IF EXISTS audit_no_update")
            database.execute("DROP TRIGGER IF EXISTS audit_no_delete")
            database.execute(statement)


@pytest.fixture
def operator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Operator:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return Operator(tmp_path, capsys)


def test_an_intact_log_is_confirmed_and_a_changed_one_is_not(operator: Operator) -> None:
    before = operator.file.read_bytes()
    confirmed = operator.run("audit", "verify")
    assert confirmed.startswith("The audit log is intact: ")
    anchor = confirmed.split()[-1]
    assert operator.file.read_bytes() == before, "nothing is written"

    as_json = json.loads(operator.run("audit", "verify", "--json"))
    assert as_json["intact"] is True
    assert anchor == f"{as_json['length']}:{as_json['hash']}"

    operator.tamper("UPDATE audit SET event = 'nothing' WHERE seq = 5")
    refused = operator.run("audit", "verify", exits=1)
    assert refused.startswith("The audit log is not intact. Seq 5: it is not the row that was")
    assert "4 rows before it were verified" in refused
    assert json.loads(operator.run("audit", "verify", "--json", exits=1))["problem"]["seq"] == 5


def test_a_log_that_was_cut_with_its_head_is_found_by_an_anchor(operator: Operator) -> None:
    anchor = operator.run("audit", "verify").split()[-1]
    assert "intact" in operator.run("audit", "verify", "--anchor", anchor)
    last = int(anchor.partition(":")[0])
    operator.tamper(f"DELETE FROM audit WHERE seq = {last}")
    operator.tamper(
        f"UPDATE audit_chain SET last_seq = {last - 1}, length = length - 1,"
        f" hash = (SELECT hash FROM audit WHERE seq = {last - 1})"
    )

    assert "is intact" in operator.run("audit", "verify")
    refused = operator.run("audit", "verify", "--anchor", anchor, exits=1)
    assert f"the anchor was noted at {last} rows" in refused


def test_a_missing_database_is_not_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["audit", "verify"], ["export"], ["export", "x"]):
        assert main(command) == 1
        assert "There is no file countersign.db" in capsys.readouterr().err
    assert not (tmp_path / "countersign.db").exists()


def test_an_execution_is_exported_with_all_that_happened_to_it(operator: Operator) -> None:
    completed = operator.executions[ExecutionState.COMPLETED]

    exported: dict[str, Any] = json.loads(operator.run("export", completed.id))

    assert (exported["execution_id"], exported["status"]) == (completed.id, "completed")
    assert exported["request"]["user_input"] == UMLAUTS
    assert exported["requester"]["id"] == "UANA"
    assert exported["phases"] == ["planning", "analysis", "finalization"]
    assert [(run["phase"], run["revision"], run["state"]) for run in exported["phase_runs"]] == [
        ("planning", 1, "done"),
        ("planning", 2, "done"),
        ("analysis", 1, "done"),
        ("finalization", 1, "done"),
    ]
    assert exported["phase_runs"][0]["output"]["tasks"][0]["output"].startswith("planning_task: ")
    revised, *_ = exported["checkpoints"]
    assert (revised["name"], revised["state"]) == ("after_planning", "revised")
    decision = revised["decision"]
    assert (decision["action"], decision["text"], decision["actor"]["id"]) == (
        "revise",
        "name the prices",
        "UBEN",
    )
    assert exported["result"]["output"] == UMLAUTS
    assert [file["path"] for file in exported["files"]][:2] == ["pläne/plan.md", "plan.bin"]
    assert len(exported["files"][0]["sha256"]) == 64
    assert [lesson["text"] for lesson in exported["lessons"]] == ["name the prices"]
    first, *_, last = exported["audit"]
    assert (first["event"], last["event"]) == ("execution.started", "files.published")
    assert len(first["hash"]) == len(first["digest"]) == 64
    assert "saved" not in json.dumps(exported)


def test_all_executions_are_exported_as_an_array_with_one_a_line(operator: Operator) -> None:
    printed = operator.run("export")

    exported = json.loads(printed)
    assert {each["execution_id"] for each in exported} == {
        each.id for each in operator.executions.values()
    }
    assert exported[0]["created_at"] <= exported[-1]["created_at"]
    assert len(printed.splitlines()) == len(exported) + 2


def test_the_chain_can_be_verified_from_an_export_as_documented(operator: Operator) -> None:
    def sha256(salt: str, value: object) -> str:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256((salt + text).encode()).hexdigest()

    exported = json.loads(operator.run("export"))
    rows = [(row, each["execution_id"]) for each in exported for row in each["audit"]]
    last = "0" * 64
    for row, execution_id in sorted(rows, key=lambda each: int(each[0]["seq"])):
        assert row["digest"] == sha256(row["salt"], [row["actor"], row["details"]])
        last = sha256("", [last, row["seq"], row["at"], execution_id, row["event"], row["digest"]])
        assert row["hash"] == last
    assert operator.run("audit", "verify").split()[-1] == f"{len(rows)}:{last}"


@pytest.mark.parametrize("unknown", ["nothing", "7f0c1a1e-0000-4000-8000-000000000000", "ä\x01"])
def test_an_unknown_execution_is_an_error(operator: Operator, unknown: str) -> None:
    assert operator.run("export", unknown, exits=1) == f"There is no execution {unknown}.\n"


def test_a_person_is_erased_only_with_yes_and_what_is_left_is_said(operator: Operator) -> None:
    before = operator.file.read_bytes()
    preview = operator.run("erase", "UBEN")
    assert preview.startswith("To be erased of UBEN: 2 executions, 1 lesson.\n")
    running = operator.executions[ExecutionState.WAITING_FEEDBACK].id
    assert "1 execution has not ended, and still needs the words" in preview
    assert f"\n  {running}\n" in preview
    assert "Nothing was changed. To erase it, add --yes" in preview
    assert "- messages in Slack" in preview
    assert operator.file.read_bytes() == before

    erased = operator.run("erase", "UBEN", "--yes", exits=1)  # as something had to be left
    assert erased.startswith("Erased of UBEN: 2 executions, 1 lesson.\n")

    exported = operator.run("export", operator.executions[ExecutionState.COMPLETED].id)
    assert "UBEN" not in exported
    assert "name the prices" not in exported
    assert "is intact" in operator.run("audit", "verify")
    again = operator.run("erase", "UBEN")
    assert again.startswith("1 execution has not ended")
    assert operator.run("erase", "UNOBODY", "--yes") == "Nothing is stored of UNOBODY.\n"
    with pytest.raises(SystemExit) as refused:
        operator.run("erase", "Ben Miller")
    assert refused.value.code == 2
