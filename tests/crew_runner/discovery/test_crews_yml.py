"""A new entry in crews.yml leaves the rest of the file as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from crew_runner.config.registry import load_crews
from crew_runner.projects.crews_yml import CannotAdd, add_entry, names_in
from crew_runner.projects.discovery import Candidate
from crew_runner.projects.entry import Checkpoint, NewEntry, Suggestion

CHECKPOINTS = Suggestion((Checkpoint("after_research", "research"),), (Checkpoint("a", "write"),))
OTHER = "command: [other], approvers: ['@channel']"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "crews.yml"


def entry(name: str = "launch", checkpoints: Suggestion = CHECKPOINTS) -> NewEntry:
    return NewEntry(
        name=name,
        project="../launch",
        target=Candidate("launch.main:run", "the script run_crew in pyproject.toml"),
        approvers=("@requester", "U012AB"),
        is_flow=False,
        description='Plans: a "launch"',
        checkpoints=checkpoints,
    )


def test_a_missing_file_is_created_with_a_crew_that_can_be_loaded(file: Path) -> None:
    add_entry(file, entry())

    crew = load_crews(file)["launch"]
    assert crew.description == 'Plans: a "launch"'
    assert crew.project == str(file.parent.parent / "launch")
    assert crew.rule is not None
    assert crew.rule.approvers == ("@requester", "U012AB")
    assert [(each.name, each.after) for each in crew.checkpoints] == [
        ("after_research", "research")
    ]
    text = file.read_text()
    assert "# crew: launch.main:run  # the default: the script run_crew in pyproject.toml" in text
    assert '      # - {name: a, after: write, description: "Review write"}' in text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("crews:\n  one: {%s}\n", "", id="one line"),
        pytest.param("crews:\n  one: {%s}", "", id="no line break at the end"),
        pytest.param("# top\ncrews:  # all\n  one:\n    {%s}  # end\n", "# bye\n", id="comments"),
        pytest.param("crews:\n  one: {%s}\n\n\n", "", id="blank lines at the end"),
        pytest.param(
            "crews:\n    one:\n        command: [one]\n        # approvers: []\n\n        # more\n",
            "    # two:\n    #   command: [two]\n",
            id="four spaces and comments of the last crew",
        ),
        pytest.param(
            "crews:\n  one:\n    command: [one]\n    description: |\n      Two\n      lines\n",
            "\n# bye\n",
            id="a block of text",
        ),
        pytest.param(
            "crews:\n  one:\n    command: [one]\n    description: >-\n      Two\n\n      lines",
            "",
            id="a block of text at the end",
        ),
        pytest.param(
            "crews:\n  one: &one\n    command: [one]\n    approvers: ['@channel']\n  two: *one\n",
            "# bye\n",
            id="an alias at the end",
        ),
        pytest.param("crews:\n  one: {%s}\n  two:\n    {%s}\n", "...\n", id="end of document"),
        pytest.param(
            "crews:\n\n  one: {%s}\n\n  zwei: {%s, description: Ä\u2028ß}\n", "", id="other letters"
        ),
        pytest.param(
            "crews:\n  one:\n    command:\n    - one\n    - --flag\n", "", id="lists without indent"
        ),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_rest_of_the_file_stays_byte_for_byte(
    file: Path, before: str, after: str, newline: str
) -> None:
    before, after = (each.replace("%s", OTHER).replace("\n", newline) for each in (before, after))
    file.write_bytes((before + after).encode())
    crews = yaml.safe_load(file.read_text())["crews"]

    add_entry(file, entry())

    written = file.read_bytes().decode()
    kept = before if before.endswith(newline) else before + newline
    assert written.replace("\r\n", "\n").count("launch:\n") == 1
    start = written.index("launch:")
    assert written[:start].rstrip() == before.rstrip()
    assert written.endswith(after)
    assert len(written) > len(kept + after)
    assert {k: v for k, v in yaml.safe_load(written)["crews"].items() if k != "launch"} == crews
    assert load_crews(file)["launch"].checkpoints
    assert ("\r\n" in written) == (newline == "\r\n")
    assert "\n" not in written.replace("\r\n", "") or newline == "\n"


def test_the_entry_is_indented_like_the_others(file: Path) -> None:
    file.write_text("crews:\n    one:\n       command: [one]\n")

    add_entry(file, entry())

    lines = file.read_text().splitlines()
    assert "    launch:" in lines
    assert "       project: ../launch" in lines
    assert any(line.startswith("          - {name: after_research") for line in lines)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "crews:\n", "# a\ncrews:  # b\n# c\n"])
def test_a_file_without_crews_gets_its_first_one(file: Path, text: str) -> None:
    file.write_text(text)

    add_entry(file, entry())

    assert list(load_crews(file)) == ["launch"]
    assert all(line in file.read_text().splitlines() for line in text.splitlines())


def test_a_second_crew_comes_after_the_comments_of_the_first(file: Path) -> None:
    add_entry(file, entry("first"))
    first = file.read_text()

    add_entry(file, entry("second", Suggestion((), (Checkpoint("a", "write"),))))

    assert file.read_text().startswith(first)
    assert list(load_crews(file)) == ["first", "second"]
    assert not load_crews(file)["second"].checkpoints


def test_a_name_that_exists_is_never_overwritten(file: Path) -> None:
    add_entry(file, entry())
    before = file.read_bytes()

    with pytest.raises(CannotAdd, match="already has a crew launch, which is left as it is"):
        add_entry(file, entry())
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("crews: [one]\n", "has no mapping of crews"),
        ("crews: {one: {command: [x]}}\n", "has its crews in braces"),
        ("crews:\n  one: [\n", "is not valid YAML"),
        ("crews:\n  one: {comand: [x]}\n", "comand: is not a known key"),
        ("crews:\n  one: {command: [x]}\nmore: 1\n", "more: is not a known key"),
    ],
)
def test_a_file_that_cannot_be_used_is_left_as_it_is(file: Path, text: str, reason: str) -> None:
    file.write_text(text)

    with pytest.raises(CannotAdd, match=reason) as refusal:
        add_entry(file, entry())

    assert str(file) in str(refusal.value)
    assert file.read_text() == text
    assert [each.name for each in file.parent.iterdir()] == ["crews.yml"]


def test_permissions_and_symbolic_links_stay(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "shared" / "crews.yml"
    real.parent.mkdir()
    add_entry(real, entry("first"))
    real.chmod(0o640)
    file.symlink_to(real)

    add_entry(file, entry("second"))

    assert file.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert names_in(file) == {"first", "second"}


@pytest.mark.parametrize("name", ["on", "1", "a-b", "null"])
def test_names_that_yaml_takes_for_something_else_are_put_in_quotes(file: Path, name: str) -> None:
    add_entry(file, entry(name))

    assert list(load_crews(file)) == [name]
