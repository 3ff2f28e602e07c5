"""What the doctor finds, and how it says to fix it."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bot import cli
from bot.doctor import checks
from bot.doctor.secrets import check_secrets
from bot.findings import Finding, Mark
from bot.settings import VARIABLES, load_settings
from storage.db.database import upgrade
from storage.db.engines import open_engine
from storage.definitions import CrewDefinition, CrewKind, ModelSettings
from tests.support.providers import ANTHROPIC, GOOD_KEY, OPENAI, ProviderServer
from tests.support.workspace import Workspace

CREWS = """
crews:
  note:
    description: A note
    command: [python, note.py]
    approvers: ["@channel"]
    checkpoints: [{name: read, after: run}]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty environment in a folder with one crew."""
    for name in os.environ:
        if name in VARIABLES or name.startswith("COUNTERSIGN_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crews.yml").write_text(CREWS)
    return tmp_path


Set = Callable[..., None]


@pytest.fixture
def set_(monkeypatch: pytest.MonkeyPatch) -> Set:
    def setting(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return setting


def database() -> list[Finding]:
    return list(checks.check_database(load_settings()))


def lines(findings: list[Finding]) -> str:
    return "\n".join(finding.line() for finding in findings)


def marks(findings: list[Finding]) -> list[Mark]:
    return [finding.mark for finding in findings]


def test_everything_in_order_but_slack_and_model_exits_0(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["doctor"]) == 0

    printed = capsys.readouterr().out
    assert "✓ Settings: read from the environment; there is no .env\n" in printed
    assert "✓ Database: sqlite:///countersign.db does not exist yet" in printed
    assert "✓ Crews: crews.yml names note" in printed
    assert "✓ Crew note: can be built" in printed
    assert "! Model: no key is set: the offline drafter writes the texts" in printed
    assert "! REST: on 127.0.0.1 port 8000 it needs no token" in printed
    assert "! Slack: no tokens are set" in printed
    assert "✗" not in printed


def test_the_doctor_creates_no_database(folder: Path) -> None:
    cli.main(["doctor"])

    assert not (folder / "countersign.db").exists()


def test_json_has_the_same_findings_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) == 0

    report = json.loads(capsys.readouterr().out)
    crews = {"mark": "good", "about": "Crews", "found": "crews.yml names note", "mend": ""}
    assert report["ok"] is True
    assert crews in report["findings"]


def test_invalid_settings_are_findings_too(capsys: pytest.CaptureFixture[str], set_: Set) -> None:
    set_(COUNTERSIGN_ROOT_PATH="nowhere", SLACK_BOT_TOKEN="hunter2")

    assert cli.main(["doctor"]) == 1

    printed = capsys.readouterr().out
    assert "✗ Settings: COUNTERSIGN_ROOT_PATH must be a path such as" in printed
    assert "✗ Settings: SLACK_BOT_TOKEN must begin with xoxb-" in printed
    assert "hunter2" not in printed


def test_a_crews_file_with_a_mistake_is_a_finding(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "crews.yml").write_text(CREWS.replace("approvers", "aprovers"))

    assert cli.main(["doctor"]) == 1

    assert "✗ Crews:" in capsys.readouterr().out


def test_a_crew_that_cannot_be_built_is_named_and_the_others_are_fine(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = "  lost:\n    crew: nowhere.at_all:Crew\n    approvers: ['@requester']\n"
    (folder / "crews.yml").write_text(CREWS + broken)

    assert cli.main(["doctor"]) == 1

    printed = capsys.readouterr().out
    assert "✗ Crew lost:" in printed
    assert "nowhere" in printed
    assert "→ Fix the crew, or its entry in crews.yml." in printed
    assert "✓ Crew note: can be built" in printed


def test_a_crew_that_asks_nobody_is_a_warning(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "crews.yml").write_text(CREWS.replace("checkpoints:", "# checkpoints:"))

    assert cli.main(["doctor"]) == 0

    printed = capsys.readouterr().out
    assert "! Crew note: can be built; phases: run; it asks nobody: add a checkpoint" in printed


def test_a_working_database_is_good_and_left_as_it_is(folder: Path) -> None:
    engine = open_engine(f"sqlite:///{folder / 'countersign.db'}")
    upgrade(engine)
    engine.dispose()

    assert marks(database()) == [Mark.GOOD, Mark.GOOD]
    with sqlite3.connect(folder / "countersign.db") as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert "countersign_doctor" not in str(tables)


def test_a_database_that_was_not_migrated_is_a_warning(folder: Path) -> None:
    sqlite3.connect(folder / "countersign.db").execute("CREATE TABLE other (n INTEGER)").close()

    assert "! Database: sqlite:///countersign.db has an older schema" in lines(database())
    assert "countersign migrate" in lines(database())


def test_a_file_that_is_not_a_database_fails(folder: Path) -> None:
    (folder / "countersign.db").write_bytes(b"a letter to my aunt " * 200)

    reason = "sqlite:///countersign.db cannot be used: file is not a database"
    assert f"✗ Database: {reason}" in lines(database())


def test_a_missing_folder_fails(set_: Set) -> None:
    set_(DATABASE_URL="sqlite:////proc/nowhere/c.db")

    assert marks(database()) == [Mark.FAILED]


def test_a_database_password_is_not_shown(set_: Set) -> None:
    set_(DATABASE_URL="postgresql+psycopg://user:hunter2@127.0.0.1:9/c")

    assert marks(database()) == [Mark.FAILED]
    assert "does not answer: connection failed" in lines(database())
    assert "hunter2" not in lines(database())


def test_a_project_in_the_bots_folder_is_warned_about(folder: Path) -> None:
    inside = CrewDefinition("inside", CrewKind.CREW, project=str(folder / "project"))
    outside = CrewDefinition("outside", CrewKind.CREW, project=str(folder.parent / "project"))
    assert not list(check_secrets(load_settings(), [inside, outside])), "there is no .env to find"
    (folder / ".env").touch()

    (finding,) = check_secrets(load_settings(), [inside, outside])

    assert finding.line() == (
        "! Crew inside: its project lies in the bot's folder, below the bot's .env, which programs "
        f"that it starts can find and read\n    → Move the project out of {folder}, or keep the "
        "bot's settings in another folder and name them with --env-file."
    )


# --- the model ------------------------------------------------------------------------------


class Model:
    """A small endpoint that answers with `code`."""

    def __init__(self) -> None:
        self.code = 200
        self.keys: list[str | None] = []
        self.answers = threading.Event()
        self.answers.set()
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                model.keys.append(self.headers["Authorization"])
                self.rfile.read(int(self.headers["Content-Length"]))
                model.answers.wait(10)
                body = b"{}"
                self.send_response(model.code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def model() -> Iterator[Model]:
    server = Model()
    yield server
    server.stop()


def ask(model: Model) -> Finding:
    settings = ModelSettings(openai_api_key="sk-hunter2", openai_base_url=model.url)
    (finding,) = checks.check_model(settings)
    return finding


def test_a_model_that_answers_is_good(model: Model) -> None:
    assert ask(model).mark is Mark.GOOD
    assert model.keys == ["Bearer sk-hunter2"]


@pytest.mark.parametrize(
    ("code", "mark", "result"),
    [
        (401, Mark.FAILED, "refuses the key"),
        (403, Mark.FAILED, "refuses the key"),
        (404, Mark.FAILED, "no such model"),
        (400, Mark.FAILED, "refuses the request"),
        (429, Mark.WARNING, "too many requests"),
        (503, Mark.WARNING, "server error"),
    ],
)
def test_each_error_of_a_model_has_its_own_finding_and_advice(
    model: Model, code: int, mark: Mark, result: str
) -> None:
    model.code = code

    finding = ask(model)

    assert finding.mark is mark
    assert result in finding.result
    assert finding.advice
    assert "hunter2" not in finding.line()


def test_a_model_that_does_not_answer_is_a_warning(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MODEL_SECONDS", 0.2)
    model.answers.clear()

    finding = ask(model)

    assert finding.mark is Mark.WARNING
    assert "did not answer" in finding.result


def test_a_model_that_cannot_be_reached_fails() -> None:
    settings = ModelSettings(openai_api_key="k", openai_base_url="http://127.0.0.1:9/v1")
    (finding,) = checks.check_model(settings)

    assert finding.mark is Mark.FAILED
    assert "OPENAI_BASE_URL" in finding.advice


def test_an_anthropic_key_alone_is_tried_in_its_own_protocol_with_the_default_model() -> None:
    with ProviderServer(ANTHROPIC) as server:
        settings = ModelSettings(anthropic_api_key=GOOD_KEY, anthropic_base_url=server.address)
        (finding,) = checks.check_model(settings)
        (bad,) = checks.check_model(replace(settings, anthropic_api_key="sk-hunter2"))

    assert finding.line() == f"✓ Model claude-sonnet-4-6: answers at {server.address}/v1"
    assert "refuses the key (401)" in bad.result
    assert "ANTHROPIC_API_KEY" in bad.advice
    assert "hunter2" not in bad.line()


def test_each_model_that_crews_yml_names_is_tried_too(folder: Path, set_: Set) -> None:
    (folder / "crews.yml").write_text(
        CREWS + "  other:\n    crew: some.where:Crew\n    approvers: ['@requester']\n"
        "    model: gemini/gemini-2.5-pro\n"
    )
    with ProviderServer(OPENAI) as server:
        set_(OPENAI_API_KEY=GOOD_KEY, OPENAI_BASE_URL=server.base_url, OPENAI_MODEL="house")
        findings = list(checks.check_models(load_settings()))

    assert marks(findings) == [Mark.GOOD, Mark.GOOD]
    assert [request.model for request in server.asked] == ["house", "gemini/gemini-2.5-pro"]


def test_the_doctor_says_which_variables_decided_and_which_address_is_asked(set_: Set) -> None:
    with ProviderServer(OPENAI) as server:
        set_(
            OPENAI_API_KEY=GOOD_KEY,
            OPENAI_API_BASE=server.base_url,
            OPENAI_MODEL_NAME="local-llama",
        )
        (finding,) = checks.check_models(load_settings())

    assert finding.line() == (
        f"✓ Model local-llama: answers at {server.base_url} "
        "(model from OPENAI_MODEL_NAME, address from OPENAI_API_BASE)"
    )
    assert [request.model for request in server.asked] == ["local-llama"]


def test_a_wrong_address_is_to_be_changed_in_the_variable_that_set_it(set_: Set) -> None:
    set_(OPENAI_API_KEY="k", API_BASE="http://127.0.0.1:9/v1")

    (finding,) = checks.check_models(load_settings())

    assert finding.mark is Mark.FAILED
    assert "http://127.0.0.1:9/v1 cannot be reached" in finding.result
    assert "the address in API_BASE" in finding.advice


def test_a_key_that_no_crew_uses_is_not_complained_about(
    folder: Path, set_: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = folder / "project"
    project.mkdir()
    own = CrewDefinition("own", CrewKind.CREW, target="a:b", project=str(project))
    monkeypatch.setattr(checks, "load_crews", lambda _file: {"own": own})
    with ProviderServer(OPENAI, "lm-studio") as server:
        (project / ".env").write_text(
            f"OPENAI_API_KEY=lm-studio\nOPENAI_API_BASE={server.base_url}\nMODEL=local-llama\n"
        )
        (folder / ".env").write_text("OPENAI_API_KEY=sk-of-the-bot-and-refused\n")
        (finding,) = checks.check_models(load_settings())

    file = project / ".env"
    assert finding.line() == (
        f"✓ Model local-llama: answers at {server.base_url} "
        f"(model from MODEL in {file}, address from OPENAI_API_BASE in {file})"
    )


def test_a_model_whose_provider_has_no_key_names_the_variable() -> None:
    settings = ModelSettings(openai_api_key=GOOD_KEY)

    (finding,) = checks.check_model(settings, "anthropic/claude-haiku-4-5")

    assert finding.mark is Mark.FAILED
    assert "ANTHROPIC_API_KEY is not set" in finding.result


# --- Slack ----------------------------------------------------------------------------------


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


def slack(set_: Set, workspace: Workspace, **more: str) -> list[Finding]:
    set_(**{**workspace.env(), **more})
    return list(checks.check_slack(load_settings()))


def test_a_working_slack_is_good(set_: Set, workspace: Workspace) -> None:
    campaigns = workspace.channel("campaigns").id
    findings = slack(set_, workspace, COUNTERSIGN_DEFAULT_CHANNEL=campaigns)

    assert marks(findings) == [Mark.GOOD] * 4, lines(findings)
    assert "the bot is in #campaigns" in lines(findings)


def test_a_missing_scope_is_named(set_: Set, workspace: Workspace) -> None:
    workspace.without_scopes("files:write")

    assert "✗ Slack scopes: missing: files:write" in lines(slack(set_, workspace))


def test_a_scope_that_an_older_app_lacks_says_what_is_lost_and_how_to_add_it(
    set_: Set, workspace: Workspace
) -> None:
    workspace.without_scopes("channels:join", "files:read")
    found = lines(slack(set_, workspace))

    assert "channels:join (without it, somebody has to /invite the bot to each public" in found
    assert "files:read (without it, files attached to a reply are not read)" in found
    assert "Paste manifest.yml under App Manifest and reinstall the app" in found


def test_a_rule_that_names_a_group_fails_on_a_plan_without_groups(
    set_: Set, workspace: Workspace, folder: Path
) -> None:
    (folder / "crews.yml").write_text(CREWS.replace("@channel", "S00REVIEW01"))
    assert "✓ Slack user groups: can be read, for note" in lines(slack(set_, workspace))

    workspace.faults.error("usergroups.list", "plan_upgrade_required")
    found = lines(slack(set_, workspace))
    assert "✗ Slack user groups: this workspace's plan has none, but crews.yml names" in found


def test_a_channel_that_the_bot_is_not_in_says_what_to_type(
    set_: Set, workspace: Workspace
) -> None:
    random = workspace.channel("random").id
    findings = slack(set_, workspace, COUNTERSIGN_DEFAULT_CHANNEL=random)

    assert "✗ Slack channel: the bot is not in #random" in lines(findings)
    assert "/invite @Countersign in #random" in lines(findings)


def test_a_channel_that_does_not_exist_fails(set_: Set, workspace: Workspace) -> None:
    findings = slack(set_, workspace, COUNTERSIGN_DEFAULT_CHANNEL="C0NOWHERE")

    assert "✗ Slack channel: C0NOWHERE: channel_not_found" in lines(findings)


def test_a_bot_token_that_slack_refuses_is_named(set_: Set, workspace: Workspace) -> None:
    assert "✗ Slack: SLACK_BOT_TOKEN is refused: invalid_auth" in lines(
        slack(set_, workspace, SLACK_BOT_TOKEN="xoxb-wrong")
    )


def test_an_app_token_that_slack_refuses_is_named(set_: Set, workspace: Workspace) -> None:
    set_(**{**workspace.env(), "SLACK_APP_TOKEN": "xapp-wrong"})
    findings = list(checks.check_slack(load_settings()))

    assert "✗ Slack socket: SLACK_APP_TOKEN is refused: invalid_auth" in lines(findings)
    assert "connections:write" in lines(findings)


def test_a_slack_that_cannot_be_reached_is_not_taken_for_a_bad_token(set_: Set) -> None:
    set_(
        SLACK_BOT_TOKEN="xoxb-1",
        SLACK_SIGNING_SECRET="s",
        SLACK_API_URL="http://127.0.0.1:9/api/",
    )
    findings = list(checks.check_slack(load_settings()))

    assert marks(findings) == [Mark.FAILED]
    assert "Slack cannot be reached" in lines(findings)
    assert "refused: " not in lines(findings).replace("Connection refused", "")
