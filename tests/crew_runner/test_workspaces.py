"""Working copies of projects: what is copied, and what counts as written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crew_runner.host import workspaces
from crew_runner.host.workspaces import NoPlace, WorkingCopy, WorkspaceProblem, place_of
from storage.kept_files import KeptFile, StoredFile
from storage.records import OutputFile


def project(folder: Path, **files: str) -> Path:
    """A project with these files, whose names have `__` for `/` and `_` for a dot."""
    root = folder / "desk"
    root.mkdir()
    for name, text in files.items():
        put(root, name.replace("__", "/").replace("_", "."), text)
    return root


def put(root: Path, path: str, text: str = "text") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def copy_of(root: Path, folder: Path) -> WorkingCopy:
    copy = WorkingCopy.of(str(root), within=folder / "job")
    copy.mark()
    return copy


def stored(path: str, *, deleted: bool = False, seq: int = 1) -> StoredFile:
    return StoredFile(seq, path, 4, 0o644, deleted=deleted, phase_index=0)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_copy_has_the_name_and_files_of_the_project_without_environments_and_caches(
    tmp_path: Path,
) -> None:
    root = project(tmp_path, desk_py="code", knowledge__facts_txt="facts")
    put(root, ".env", "KEY=1")
    for path in (
        "countersign.db",
        "countersign.db-wal",
        ".git/HEAD",
        ".venv/bin/python",
        "my-environment/pyvenv.cfg",
        "my-environment/lib/site.py",
        "web/node_modules/left-pad/index.js",
        "src/__pycache__/desk.pyc",
        ".mypy_cache/x",
        ".pytest_cache/x",
        ".ruff_cache/x",
    ):
        put(root, path)
    script = put(root, "run.sh")
    script.chmod(0o755)
    os.utime(script, (1_000_000_000, 1_000_000_000))

    copy = copy_of(root, tmp_path)

    assert copy.folder.name == "desk"
    assert tree(copy.folder) == [".env", "desk.py", "knowledge/facts.txt", "run.sh"]
    assert (copy.folder / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (copy.folder / "run.sh").stat().st_mtime == 1_000_000_000


def test_links_lead_to_the_copy_if_they_led_into_the_project_and_else_to_where_they_led(
    tmp_path: Path,
) -> None:
    root = project(tmp_path, data__facts_txt="inside")
    put(tmp_path, "shared/prices.txt", "outside")
    (root / "relative").symlink_to("data")
    (root / "absolute").symlink_to(root / "data" / "facts.txt")
    (root / "outside").symlink_to("../shared/prices.txt")
    (root / "broken").symlink_to("nowhere")

    copy = copy_of(root, tmp_path)

    (copy.folder / "absolute").write_text("changed")
    assert (copy.folder / "relative/facts.txt").read_text() == "changed"
    assert (root / "data/facts.txt").read_text() == "inside"
    assert (copy.folder / "outside").read_text() == "outside"
    assert (copy.folder / "broken").is_symlink()


def test_a_write_to_the_copy_changes_nothing_in_the_project(tmp_path: Path) -> None:
    root = project(tmp_path, report_md="old")

    copy = copy_of(root, tmp_path)
    with (copy.folder / "report.md").open("a") as report:
        report.write(" and new")

    assert (root / "report.md").read_text() == "old"


def test_new_changed_and_deleted_files_are_kept_and_listed(tmp_path: Path) -> None:
    root = project(tmp_path, same_txt="same", changed_txt="old", gone_txt="gone")
    copy = copy_of(root, tmp_path)

    put(copy.folder, "out/plot.png", "new").chmod(0o600)
    put(copy.folder, "changed.txt", "new")
    (copy.folder / "gone.txt").unlink()
    written = copy.written()

    assert sorted(written.kept, key=lambda file: file.path) == [
        KeptFile("changed.txt", b"new", 0o644),
        KeptFile("gone.txt", None),
        KeptFile("out/plot.png", b"new", 0o600),
    ]
    assert written.files == (
        OutputFile("changed.txt", 3),
        OutputFile("gone.txt", 0, deleted=True),
        OutputFile("out/plot.png", 3),
    )


@pytest.mark.parametrize("how", ["rewritten", "replaced", "with its old time"])
def test_a_file_that_is_written_with_the_same_size_is_noticed(tmp_path: Path, how: str) -> None:
    root = project(tmp_path, report_md="old")
    copy = copy_of(root, tmp_path)
    report = copy.folder / "report.md"
    before = report.stat()

    if how == "replaced":
        put(copy.folder, "new").write_text("new")
        (copy.folder / "new").rename(report)
    else:
        report.write_text("new")
    if how == "with its old time":
        os.utime(report, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert copy.written().kept == (KeptFile("report.md", b"new"),)


def test_caches_and_a_databases_side_files_are_not_kept(tmp_path: Path) -> None:
    copy = copy_of(project(tmp_path), tmp_path)

    for path in (
        "__pycache__/desk.cpython-311.pyc",
        "desk.pyc",
        "data.db-wal",
        "data.db-shm",
        ".venv/x",
        ".git/hooks/pre-commit",
        ".ruff_cache/x",
        "countersign.db",
    ):
        put(copy.folder, path)
    put(copy.folder, "data.db")

    assert [file.path for file in copy.written().files] == ["data.db"]


def test_what_is_too_large_is_listed_but_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspaces, "MAX_FILE_BYTES", 10)
    monkeypatch.setattr(workspaces, "MAX_KEPT_BYTES", 20)
    copy = copy_of(project(tmp_path), tmp_path)
    for name, size in {"a": 11, "b": 8, "c": 9, "d": 4}.items():
        put(copy.folder, name, size * "x")

    written = copy.written()

    assert written.files == (
        OutputFile("a", 11, kept=False),
        OutputFile("b", 8),
        OutputFile("c", 9, kept=False),
        OutputFile("d", 4),
    )
    assert {file.path for file in written.kept} == {"b", "d"}
    assert [file.path for file in copy.written(kept_before=14).kept] == ["d"]


def test_of_very_many_files_only_a_limited_number_is_kept_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspaces, "MAX_KEPT_FILES", 3)
    monkeypatch.setattr(workspaces, "MAX_NAMED_FILES", 2)
    copy = copy_of(project(tmp_path), tmp_path)
    for number in range(9):
        put(copy.folder, f"{number}.txt")

    written = copy.written()

    assert len(written.kept) == 3
    assert [file.kept for file in written.files] == [True, True, True, False, False]


def test_links_pipes_and_files_without_a_storable_name_are_not_kept(tmp_path: Path) -> None:
    copy = copy_of(project(tmp_path), tmp_path)
    secret = put(tmp_path, "secret.txt", "secret")
    (copy.folder / "latest").symlink_to(secret)
    os.mkfifo(copy.folder / "pipe")
    (copy.folder / os.fsdecode(b"caf\xe9.txt")).write_text("x")

    written = copy.written()

    assert written.kept == ()
    assert [(file.path, file.kept) for file in written.files] == [
        ("caf\ufffd.txt", False),
        ("latest", False),
    ]


def test_a_later_phase_finds_the_files_of_earlier_ones_and_only_its_own_are_new(
    tmp_path: Path,
) -> None:
    root = project(tmp_path, old_md="old", dropped_md="dropped")
    copy = WorkingCopy.of(str(root), within=tmp_path / "job")
    copy.add(
        [stored("out/report.md"), stored("old.md"), stored("dropped.md", deleted=True)],
        lambda file: file.path.encode(),
    )
    copy.mark()

    put(copy.folder, "new.md")

    assert tree(copy.folder) == ["new.md", "old.md", "out/report.md"]
    assert (copy.folder / "old.md").read_text() == "old.md"
    assert [file.path for file in copy.written().files] == ["new.md"]


def test_files_that_are_added_after_the_mark_count_as_written(tmp_path: Path) -> None:
    copy = copy_of(project(tmp_path, report_md="of the project"), tmp_path)

    copy.add([stored("report.md"), stored("plot.txt")], lambda _: b"by the revised output")

    assert [file.path for file in copy.written().files] == ["plot.txt", "report.md"]


def test_a_project_that_is_too_large_to_copy_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(tmp_path)
    for number in range(4):
        put(root, f"{number}.txt", 300 * 1024 * "x")

    monkeypatch.setattr(workspaces, "MAX_COPIED_BYTES", 1024 * 1024)
    with pytest.raises(WorkspaceProblem, match=r"more than 1 MB .*`workspace: shared`") as large:
        copy_of(root, tmp_path)
    assert large.value.lasting
    monkeypatch.undo()
    monkeypatch.setattr(workspaces, "MAX_COPIED_FILES", 3)
    with pytest.raises(WorkspaceProblem, match=r"or 3 files"):
        copy_of(root, tmp_path / "other")


def test_a_missing_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceProblem, match=r"There is no folder .*nowhere\. Fix `project`"):
        copy_of(tmp_path / "nowhere", tmp_path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        ".git/hooks/pre-commit",
        "out/link/x",
        "folder",
        "countersign.db",
    ],
)
def test_no_path_leads_out_of_the_project_or_replaces_a_folder(tmp_path: Path, path: str) -> None:
    root = project(tmp_path, folder__x_md="x")
    (root / "out").mkdir()
    (root / "out/link").symlink_to(tmp_path)

    with pytest.raises(NoPlace):
        place_of(root, path)


def test_a_link_to_a_folder_of_the_project_is_followed(tmp_path: Path) -> None:
    root = project(tmp_path, data__x_md="x")
    (root / "link").symlink_to("data")

    assert place_of(root, "link/new.md") == root / "data/new.md"
