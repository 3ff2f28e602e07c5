"""Webhooks of a running bot, with REST alone: of one run and of a crew, and after a kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.bootstrap import CannotStartError, load_webhooks_or_refuse
from bot.settings import load_settings
from tests.bot.conftest import CREWS, bot_in
from tests.support.prefork_server import PreforkServer
from tests.webhooks.receivers import OLDER_SECRET, SECRET, Answer, receiving

ALLOWED = {"COUNTERSIGN_WEBHOOK_ALLOW": "127.0.0.0/8"}


def test_a_run_calls_its_own_webhook_and_its_crews(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    with receiving() as own, receiving() as of_crew:
        of_all = f'    webhooks: [{{url: "{of_crew.url}", secret: "${{NOTE_HOOK}}"}}]\n'
        (note_folder / "crews.yml").write_text(CREWS + of_all)
        (note_folder / ".env").write_text(f"NOTE_HOOK={OLDER_SECRET}\n")
        body = {"message": "m", "webhook": {"url": own.url, "secret": SECRET}}
        with bot_in(note_folder, workers=1, prefork_server=prefork_server, **ALLOWED) as bot:
            run_id = bot.http.post("/api/crew/execute", json=body).json()["execution_id"]
            waiting = own.wait_for(3)[-1]
            decision = {
                "execution_id": run_id,
                "checkpoint_id": waiting.payload["data"]["checkpoint_id"],
                "action": "continue",
            }
            bot.http.post("/api/crew/feedback", json=decision)
            requests = own.wait_for(6)
            of_crew.wait_for(6)

            assert SECRET not in bot.log_text
            assert OLDER_SECRET not in bot.log_text

    assert [each.type for each in requests] == [
        "execution.started",
        "phase.started",
        "checkpoint.waiting",
        "checkpoint.decided",
        "phase.started",
        "execution.completed",
    ]
    for each in requests:
        each.verify(SECRET)
    for each in of_crew.requests:
        each.verify(OLDER_SECRET)
    assert {each.id for each in requests}.isdisjoint({each.id for each in of_crew.requests})


def test_what_a_killed_bot_was_sending_is_sent_again_at_the_next_start(
    note_folder: Path, prefork_server: PreforkServer
) -> None:
    with receiving(lambda _request, number: Answer(hang=0 if number else 60)) as receiver:
        body = {"message": "m", "webhook": {"url": receiver.url, "secret": SECRET}}
        with bot_in(note_folder, workers=0, prefork_server=prefork_server, **ALLOWED) as bot:
            bot.http.post("/api/crew/execute", json=body)
            receiver.wait_for(1)
            bot.kill()
            bot.start()
            first, again = receiver.wait_for(2)

    assert (first.id, first.body) == (again.id, again.body)


def test_a_bot_whose_crews_lack_a_secret_does_not_start(
    note_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_all = '    webhooks: [{url: "https://one.example/", secret: "${NOTE_HOOK}"}]\n'
    (note_folder / "crews.yml").write_text(CREWS + of_all)
    monkeypatch.chdir(note_folder)
    monkeypatch.delenv("NOTE_HOOK", raising=False)

    with pytest.raises(CannotStartError, match="the variable NOTE_HOOK is not set") as refused:
        load_webhooks_or_refuse(load_settings())

    assert refused.value.bad_settings
