"""`countersign add` examines a project and writes its entry into crews.yml."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.crews import add, check, environments
from bot.crews.add import Options
from bot.settings import VARIABLES, load_settings
from crew_runner.config.registry import load_crews
from tests.support.prefork_server import PreforkServer
from tests.support.preforked_fork_server import from_prefork_server
from tests.support.processes import ROOT
from tests.support.projects import CREW_PY, FLOW_PY, MODULE_PY, classic, write

PYPROJECT = (
    '[project]\nname = "launch"\ndescription = "Plans a launch"\ndependencies = ["crewai"]\n'
)


@pytest.fixture(autouse=True)
def bot_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bot's folder beside the projects, with no settings at all."""
    for name in os.environ:
        if name in VARIABLES or name.startswith("COUNTERSIGN_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "bot"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return folder


@pytest.fixture(autouse=True)
def fork_servers(crewai_prefork_server: PreforkServer) -> Iterator[None]:
    with from_prefork_server(crewai_prefork_server):
        yield


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Runs `add` and returns the exit code and what was printed."""

    def run(path: str, **options: object) -> tuple[int, str]:
        code = add.run(load_settings(), Options(Path(path), **options))  # type: ignore[arg-type]
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


Ran = Callable[..., tuple[int, str]]


def test_a_crew_gets_a_checkpoint_after_its_last_task_but_one(tmp_path: Path, ran: Ran) -> None:
    classic(tmp_path / "My Launch", pyproject=PYPROJECT)
    before = sorted(path for path in (tmp_path / "My Launch").rglob("*") if path.is_file())

    code, printed = ran("../My Launch", yes=True)

    assert code == 0, printed
    assert "Found launch.crew:Launch, a @CrewBase class in src/launch/crew.py, line 7." in printed
    assert "crew with 2 tasks: research, report" in printed
    assert "Nobody was named with --approvers, so @requester decides" in printed
    assert "It asks @requester after research." in printed
    assert "    /crew my-launch …" in printed
    crew = load_crews("crews.yml")["my-launch"]
    assert crew.description == "Plans a launch"
    assert crew.project == str(tmp_path / "My Launch")
    assert [each.after for each in crew.checkpoints] == ["research"]
    assert '# - {name: after_report, after: report, description: "Review report"}' in (
        Path("crews.yml").read_text()
    )
    files = [path for path in (tmp_path / "My Launch").rglob("*") if path.is_file()]
    assert sorted(path for path in files if "__pycache__" not in path.parts) == before


def test_a_crew_of_one_task_is_asked_about_it_by_those_who_were_named(
    tmp_path: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "plain", {"main.py": MODULE_PY})
    monkeypatch.setenv("CREWS_FILE", str(tmp_path / "elsewhere" / "crews.yml"))

    code, printed = ran("../plain", name="poem", approvers=("U012AB", "@channel"))

    assert code == 0, printed
    assert "The project has no environment of its own, so Countersign's is used." in printed
    assert "It asks U012AB or @channel after report." in printed
    text = (tmp_path / "elsewhere" / "crews.yml").read_text()
    assert "project: ../plain\n" in text
    crew = load_crews(tmp_path / "elsewhere" / "crews.yml")["poem"]
    assert crew.rule is not None
    assert crew.rule.approvers == ("U012AB", "@channel")


def test_a_crew_that_asks_by_itself_gets_no_checkpoint(tmp_path: Path, ran: Ran) -> None:
    asking = MODULE_PY.replace("agent=writer)", "agent=writer, human_input=True)")
    write(tmp_path / "plain", {"main.py": asking})

    code, printed = ran("../plain", yes=True)

    assert code == 0, printed
    assert "It asks @requester after report." in printed
    assert not load_crews("crews.yml")["plain"].checkpoints


def test_a_flow_without_a_gate_asks_nobody_and_add_says_so(tmp_path: Path, ran: Ran) -> None:
    write(tmp_path / "post", {"src/post/main.py": FLOW_PY})

    code, printed = ran("../post", yes=True)

    assert code == 0, printed
    assert "! post asks nobody: add a checkpoint to its entry in crews.yml." in printed
    assert "It could ask after: " in printed
    assert "# checkpoints:\n" in Path("crews.yml").read_text()
    assert check.run(load_settings(), name=None, as_json=False) == 0


def test_the_crew_may_be_named_if_the_project_has_several(tmp_path: Path, ran: Ran) -> None:
    write(tmp_path / "two", {"one.py": MODULE_PY, "other.py": MODULE_PY})

    code, printed = ran("../two", yes=True)

    assert code == 1
    assert "has several crews: one:crew, other:crew." in printed
    assert "Or add it with --crew module:name." in printed
    assert ran("../two", yes=True, crew="other:crew")[0] == 0
    assert load_crews("crews.yml")["two"].target == "other:crew"


def test_a_name_in_crews_yml_is_never_overwritten(tmp_path: Path, ran: Ran) -> None:
    write(tmp_path / "plain", {"main.py": MODULE_PY})
    ran("../plain", yes=True)
    before = Path("crews.yml").read_bytes()

    code, printed = ran("../plain", yes=True)

    assert code == 1
    assert printed == (
        "crews.yml already has a crew plain, which is left as it is. Choose another name with "
        "--name.\n"
    )
    assert Path("crews.yml").read_bytes() == before


def test_a_project_that_cannot_be_built_is_not_written(tmp_path: Path, ran: Ran) -> None:
    classic(tmp_path / "launch", crew=CREW_PY + "\nraise ValueError('no price list')\n")

    code, printed = ran("../launch", yes=True)

    assert code == 1
    assert "no price list" in printed
    assert "Nothing was written. Fix it, then add it again." in printed
    assert not Path("crews.yml").exists()


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("../nowhere", {}, "There is no folder "),
        ("../plain/main.py", {}, "is not a folder. Name the project's folder, "),
        ("../plain", {"name": "list"}, "/crew list is a built-in command. Choose another one with"),
        ("../plain", {"name": "a b"}, "one word of up to 40 letters, digits, - and _"),
        ("../status", {}, "/crew status is a built-in command. Choose a name with --name."),
        ("../plain", {"approvers": ("bob",)}, "--approvers: bob is not allowed: expected @requ"),
        ("../plain", {"approvers": ()}, "--approvers: nothing is not allowed"),
        ("../plain", {"yes": False}, "There is no terminal to ask, so add --approvers @requester"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_is_examined(
    tmp_path: Path, ran: Ran, path: str, options: dict[str, object], message: str
) -> None:
    for name in ("plain", "status"):
        write(tmp_path / name, {"main.py": MODULE_PY})

    code, printed = ran(path, **{"yes": True, **options})

    assert code == 2
    assert message in printed
    assert not Path("crews.yml").exists()


def test_the_environment_is_created_with_uv_only_on_request(
    tmp_path: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = classic(tmp_path / "launch", pyproject=PYPROJECT)
    calls: list[tuple[Path, tuple[str, ...]]] = []
    monkeypatch.setattr(environments, "create", lambda *arguments: calls.append(arguments))

    _code, printed = ran("../launch", yes=True)
    assert f"run `uv sync` in {project}, or add the project with --install." in printed
    assert calls == []

    _code, printed = ran("../launch", yes=True, install=True, name="again")
    assert f"Running `uv sync` in {project}…" in printed
    assert calls == [(project, ("sync",))]


def test_an_environment_that_cannot_be_created_is_told_in_words(tmp_path: Path, ran: Ran) -> None:
    classic(tmp_path / "launch", pyproject="[project]\nname = 'launch'\nversion = 1\n")

    code, printed = ran("../launch", yes=True, install=True)

    assert code == 1
    assert "uv could not create the environment (exit code " in printed
    assert f"run `uv sync` in {tmp_path / 'launch'} yourself." in printed
    assert not Path("crews.yml").exists()


def test_uv_creates_the_environment_of_a_json_crew_without_its_package(tmp_path: Path) -> None:
    project = write(
        tmp_path / "json",
        {"pyproject.toml": '[project]\nname = "json"\nversion = "1"\nrequires-python = ">=3.10"\n'},
    )
    arguments = environments.sync_arguments("crew.jsonc")

    assert environments.can_be_created(project)
    environments.create(project, [*arguments, "--offline"])

    assert arguments == ("sync", "--no-install-project")
    assert not environments.can_be_created(project)
    assert environments.sync_arguments("launch.main:run") == ("sync",)


def test_on_a_terminal_it_asks_who_decides(tmp_path: Path, bot_folder: Path) -> None:
    write(tmp_path / "plain", {"main.py": MODULE_PY})
    ours, theirs = pty.openpty()
    os.write(ours, b"bob\n@channel, U012AB\n")

    ended = subprocess.run(
        [sys.executable, "-m", "bot", "add", "../plain"],
        cwd=bot_folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": os.environ["HOME"]},
        stdin=theirs,
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Approvers [@requester]: bob is not allowed." in ended.stdout
    rule = load_crews("crews.yml")["plain"].rule
    assert rule is not None
    assert rule.approvers == ("@channel", "U012AB")
    os.close(ours)
    os.close(theirs)
