"""The board's page: who gets it, what it may do, and that its files are those of the sources."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from bot.api.routes.board import FILES
from tests.api.conftest import Service
from tests.api.test_session import Connect, connect
from tests.support.processes import ROOT

__all__ = ["connect"]

HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
CLIENTS = ROOT / "clients"
SOURCES = (
    "board/index.html",
    "board/package-lock.json",
    "board/src",
    "board/vite.config.ts",
    "web/src",
)
"""What the built files depend on, as in clients/board/build-record.ts."""


def test_browsers_get_the_board_and_programs_get_json(client: TestClient) -> None:
    page = client.get("/", headers=HTML)

    assert page.headers["Content-Type"].startswith("text/html")
    assert '<div id="board">' in page.text
    assert page.headers["Vary"] == "Accept"
    for accept in ("application/json", "*/*"):
        assert client.get("/", headers={"Accept": accept}).json()["name"] == "Countersign"


def test_the_page_runs_nothing_but_its_own_files(client: TestClient) -> None:
    page = client.get("/", headers=HTML)

    policy = dict(
        part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert re.findall(r"<script(?![^>]* src=)|<style| on\w+=|style=", page.text) == []
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert address.startswith(("./assets/", "/")), address


def test_files_are_kept_by_browsers_and_the_page_is_not(client: TestClient) -> None:
    page = client.get("/", headers=HTML)
    assert page.headers["Cache-Control"] == "no-store"

    for name in re.findall(r'="\./(assets/[^"]+)"', page.text):
        answer = client.get(f"/{name}")
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Encoding"] == "gzip"
        plain = client.get(f"/{name}", headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content == (FILES / name).read_bytes()


@pytest.mark.parametrize("name", ["index.html", "%2e%2e%2fbuild.json", "nothing.js"])
def test_no_other_file_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/assets/{name}").status_code == 404


def test_the_page_and_its_files_need_no_token_and_hold_no_data(
    client: TestClient, service: Service
) -> None:
    service.tokens.create("token", scopes=[], lifetime=None)  # type: ignore[arg-type]

    page = client.get("/", headers=HTML)

    assert page.status_code == 200
    assert client.get("/").status_code == 401
    [script] = re.findall(r'src="\./(assets/[^"]+)"', page.text)
    assert client.get(f"/{script}").status_code == 200


def test_behind_a_prefix_the_page_finds_its_files_below_it(connect: Connect) -> None:
    page = connect(root_path="/sign-off").get("/sign-off/", headers=HTML)

    assert '<base href="/sign-off/" />' in page.text


def test_the_built_files_are_those_of_the_sources() -> None:
    """If this fails, run `make web`."""
    record = json.loads((FILES / "build.json").read_text())

    assert record["built"] == digest(FILES, ["."])
    assert record["sources"] == digest(CLIENTS, SOURCES)


def digest(root: Path, names: Iterable[str]) -> str:
    """As in clients/board/build-record.ts."""
    result = sha256()
    paths = [path for name in names for path in files(root / name)]
    for path in sorted(paths, key=lambda each: each.relative_to(root).as_posix()):
        if path.name != "build.json":
            content = path.read_bytes()
            result.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
            result.update(content)
    return result.hexdigest()


def files(path: Path) -> list[Path]:
    return [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]


def test_the_built_files_are_small_and_have_no_source_maps() -> None:
    scripts = [path for path in FILES.rglob("*") if path.is_file()]

    assert {path.suffix for path in scripts} <= {".html", ".js", ".css", ".svg", ".json"}
    assert sum(path.stat().st_size for path in scripts) < 520_000
