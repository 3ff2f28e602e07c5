"""`countersign doctor --online`: samples of all messages, judged by blocks.validate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.doctor import checks
from bot.findings import Finding, Mark
from bot.slack.online import check_online
from bot.slack.samples import samples
from tests.support.workspace import Workspace


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    with Workspace() as opened:
        yield opened


def findings(workspace: Workspace) -> list[Finding]:
    return list(check_online(api_url=f"{workspace.url}/api/"))


def test_slack_takes_every_sample(workspace: Workspace) -> None:
    [finding] = findings(workspace)

    assert finding.mark is Mark.GOOD
    assert (
        finding.result == f"Slack takes all {len(list(samples()))} samples of messages and modals"
    )
    calls = workspace.calls()
    assert {call.name for call in calls} == {"blocks.validate"}
    assert all("token" not in str(call.sent) for call in calls)


def test_every_sample_has_a_name_of_its_own() -> None:
    names = [sample.name for sample in samples()]
    assert len(set(names)) == len(names)
    assert len(names) > 40


def test_what_slack_refuses_is_named_with_its_reason_and_place(workspace: Workspace) -> None:
    workspace.rules(message_characters=1500)
    *refused, total = findings(workspace)

    assert all(finding.mark is Mark.FAILED for finding in refused)
    assert any("Slack refuses the long output" in finding.result for finding in refused)
    assert "the message shows more than 1500 characters (/blocks)" in refused[0].result
    assert refused[0].advice.startswith("Update Countersign")
    assert total.result == f"Slack refuses {len(refused)} of {len(list(samples()))} samples"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("unknown_method", "Slack gave no verdict on the samples: unknown_method"),
        ("ratelimited", "Slack takes no more samples for now"),
    ],
)
def test_the_check_ends_with_the_first_call_without_a_verdict(
    workspace: Workspace, error: str, words: str
) -> None:
    workspace.faults.error("blocks.validate", error, times=None)
    [finding] = findings(workspace)

    assert (finding.mark, finding.result) == (Mark.WARNING, words)
    assert len(workspace.calls()) == 1


def test_a_rate_limit_says_how_far_it_came(workspace: Workspace) -> None:
    workspace.faults.rate_limited("blocks.validate", skip=3)
    [finding] = findings(workspace)

    assert finding.result == "Slack takes no more samples for now after 3 samples"


def test_a_network_without_slack_is_no_failure() -> None:
    [finding] = check_online(api_url="http://127.0.0.1:9/api/")

    assert finding.mark is Mark.WARNING
    assert "gave no verdict" in finding.result


def test_the_doctor_sends_samples_only_if_asked(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    def doctor(*, online: bool) -> str:
        monkeypatch.setenv("SLACK_API_URL", f"{workspace.url}/api/")
        checks.run(env_file=tmp_path / ".env", as_json=False, online=online)
        return capsys.readouterr().out

    assert "Slack messages" not in doctor(online=False)
    assert workspace.calls() == []
    assert "✓ Slack messages: Slack takes all" in doctor(online=True)
