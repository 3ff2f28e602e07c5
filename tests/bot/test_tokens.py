"""`countersign tokens`, and what the doctor and the start make of tokens."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from bot import cli
from bot.doctor.rest import check_rest
from bot.findings import Mark
from bot.settings import VARIABLES, load_settings

SECRET = re.compile(r"cs_[0-9a-f]{12}_[0-9a-f]{64}")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name in VARIABLES or name.startswith("COUNTERSIGN_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def create(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Make a token. Returns its secret."""
    capsys.readouterr()
    assert cli.main(["tokens", "create", *arguments]) == 0
    return capsys.readouterr().out.splitlines()[-1]


def listed(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert cli.main(["tokens", "list"]) == 0
    return capsys.readouterr().out


def test_a_new_token_is_alone_on_the_last_line_and_never_shown_again(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    secret = create(
        capsys,
        *("--scopes", "read,decide", "--as", "U0ANA", "--expires", "30d", "--label", "the page"),
    )

    assert SECRET.fullmatch(secret)
    table = listed(capsys)
    assert secret not in table
    row = table.splitlines()[1].split()
    assert secret.startswith(row[0])
    assert len(row[0]) >= 6
    assert row[1:3] == ["read,decide", "U0ANA"]
    assert table.rstrip().endswith("never     the page")
    assert secret.encode() not in (folder / "countersign.db").read_bytes()


def test_json_lists_the_same_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    secret = create(capsys, "--scopes", "admin")
    assert cli.main(["tokens", "list", "--json"]) == 0

    (token,) = json.loads(capsys.readouterr().out)

    assert secret.startswith(token["prefix"])
    assert (token["scopes"], token["valid"], token["expires_at"]) == (["admin"], True, None)


def test_a_prefix_revokes_one_token_and_a_wrong_one_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, other = (create(capsys, "--scopes", "read") for _ in range(2))

    for wrong in ("cs_zzzzzz", "cs_", "zzzzzz"):
        assert cli.main(["tokens", "revoke", wrong]) == 1
        assert f"No token begins with '{wrong}'" in capsys.readouterr().err
    assert cli.main(["tokens", "revoke", one[:12]]) == 0
    assert cli.main(["tokens", "revoke", one[:12]]) == 0
    assert "was revoked before" in capsys.readouterr().out

    rows = listed(capsys).splitlines()[1:]
    assert {row.split()[0]: row.split()[3] for row in rows} == {
        one[:15]: "revoked",
        other[:15]: "never",
    }


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["create"], "--scopes"),
        (["create", "--scopes", "write"], "no scope 'write' (there are: execute, read, decide,"),
        (["create", "--scopes", ","], "at least one scope is needed"),
        (["create", "--scopes", "read", "--as", "Ana"], "is not the id of a Slack user"),
        (["create", "--scopes", "read", "--expires", "soon"], "a duration such as 90s, 30m"),
        (["create", "--scopes", "read", "--label", "a\nb"], "a label is one line"),
        (["revoke"], "PREFIX"),
        ([], "ACTION"),
    ],
)
def test_wrong_arguments_exit_with_2_and_say_what_is_expected(
    capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["tokens", *arguments])

    assert exit_.value.code == 2
    assert problem in capsys.readouterr().err


def test_the_doctor_says_what_protects_the_api(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lines() -> str:
        return "\n".join(finding.line() for finding in check_rest(load_settings()))

    monkeypatch.setenv("HITL_BACKEND_PORT", "1")
    assert "it needs no token" in lines()
    monkeypatch.setenv("COUNTERSIGN_PUBLIC_URL", "http://bot.example")
    assert "the settings name a proxy, and no token was made" in lines()
    assert "http://bot.example is not encrypted" in lines()
    monkeypatch.setenv("HITL_BACKEND_HOST", "0.0.0.0")
    assert "can be reached from other machines, and no token was made" in lines()
    assert Mark.FAILED in [finding.mark for finding in check_rest(load_settings())]

    secret = create(capsys, "--scopes", "read")
    assert "every request needs a token; 1 token is valid" in lines()

    cli.main(["tokens", "revoke", secret[:15]])
    assert "every request needs a token, and none is valid any more" in lines()
