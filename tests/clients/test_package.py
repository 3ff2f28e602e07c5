"""The web client's package: its types, its own tests, and what it would publish."""

from __future__ import annotations

import json
from typing import Any

from tests.clients.documented import write
from tests.clients.web_package import SOURCE, WebPackage
from tests.support.processes import BotProcess

DOCUMENT = SOURCE / "openapi.json"
REFRESH = "Start a bot, and run `npm run document` in clients/web"


def test_its_openapi_document_is_the_one_that_the_bot_serves(bot: BotProcess) -> None:
    served = bot.http.get("/openapi.json").json()
    served["info"]["version"] = "0"
    assert json.loads(DOCUMENT.read_text()) == served, REFRESH


def test_its_types_are_those_of_the_document(web_package: WebPackage) -> None:
    committed = (SOURCE / "src" / "client" / "openapi.ts").read_text()
    web_package.npm("run", "types")
    made = (web_package.folder / "src" / "client" / "openapi.ts").read_text()
    assert made == committed, REFRESH


def test_its_own_tests_pass(web_package: WebPackage) -> None:
    web_package.npm("test")


def test_its_code_and_that_of_its_documents_have_no_type_errors(web_package: WebPackage) -> None:
    write(web_package.folder / "documented")
    web_package.npm("run", "check")


def test_what_would_be_published_is_what_others_need(built_package: WebPackage) -> None:
    listed: list[dict[str, Any]] = json.loads(
        built_package.npm("pack", "--dry-run", "--json", "--ignore-scripts")
    )
    files = {each["path"] for each in listed[0]["files"]}
    described = json.loads((SOURCE / "package.json").read_text())
    targets = [
        path.removeprefix("./")
        for entry in described["exports"].values()
        for path in ([entry] if isinstance(entry, str) else entry.values())
    ]
    assert {"README.md", "LICENSE", *targets} <= files
    assert {path.split("/")[0] for path in files} == {
        "README.md",
        "LICENSE",
        "package.json",
        "dist",
        "src",
    }


def test_its_lock_file_names_no_other_registry_than_npms() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    resolved = [each["resolved"] for each in lock["packages"].values() if "resolved" in each]
    assert all(url.startswith("https://registry.npmjs.org/") for url in resolved)


def test_its_client_has_no_react_in_it_and_its_react_parts_are_marked_for_nextjs() -> None:
    for module in (SOURCE / "src" / "client").glob("*.ts"):
        assert "react" not in module.read_text().lower() or module.name == "openapi.ts"
    for module in (SOURCE / "src" / "react").glob("*.tsx"):
        assert module.read_text().startswith('"use client";'), module.name
