"""A client of the REST calls, which tries again until it is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from tests.trouble.load.journal import Answered, Journal, What

BY: Final = "loopback"
PAUSE: Final = 0.3


class RestClient:
    """Safe to share."""

    def __init__(self, address: str, journal: Journal) -> None:
        self._http = httpx.Client(base_url=address, trust_env=False, timeout=10)
        self._journal = journal
        self._over = threading.Event()

    def stop(self) -> None:
        """Nothing is tried again any more."""
        self._over.set()

    def close(self) -> None:
        self._http.close()

    def start(self, token: str, words: str, crew: str) -> str | None:
        """The id of the execution; tried again under one key until it is taken."""
        started: list[str] = []

        def execute() -> Answered:
            answer = self._post(
                "/api/crew/execute",
                {"message": words, "crew": crew},
                headers={"Idempotency-Key": token},
            )
            if answer is not None and answer.status_code == 200:
                started.append(answer.json()["execution_id"])
            return _answered(answer)

        self._until_answered(lambda: self._journal.note(What.START, token, by=BY, act=execute))
        return started[0] if started else None

    def decide(self, execution: str, checkpoint: str, what: What, text: str) -> Answered:
        """Once: if it is not answered, it may have been recorded or not."""

        def feedback() -> Answered:
            body = {
                "execution_id": execution,
                "checkpoint_id": checkpoint,
                "action": what.value,
                "feedback": text,
            }
            return _answered(self._post("/api/crew/feedback", body))

        return self._journal.note(what, checkpoint, by=BY, act=feedback, text=text)

    def status(self, execution: str) -> dict[str, Any] | None:
        """The status of an execution; None while there is no answer."""
        answer = self._call(lambda: self._http.get(f"/api/crew/status/{execution}"), "status")
        if answer is None or answer.status_code != 200:
            return None
        status: dict[str, Any] = answer.json()
        return status

    def healthy(self) -> bool:
        answer = self._call(lambda: self._http.get("/health"), "health")
        return answer is not None and answer.status_code == 200

    def _until_answered(self, act: Callable[[], Answered]) -> None:
        while act() in (Answered.NOT, Answered.UNAVAILABLE) and not self._over.is_set():
            time.sleep(PAUSE)

    def _post(
        self, path: str, body: dict[str, str], headers: dict[str, str] | None = None
    ) -> httpx.Response | None:
        return self._call(lambda: self._http.post(path, json=body, headers=headers), path)

    def _call(self, call: Callable[[], httpx.Response], what: str) -> httpx.Response | None:
        try:
            answer = call()
        except httpx.TransportError:
            return None
        self._journal.status(answer.status_code, answer.headers, what)
        return answer


def _answered(answer: httpx.Response | None) -> Answered:
    if answer is None:
        return Answered.NOT
    if answer.status_code == 200:
        return Answered.TAKEN
    return Answered.UNAVAILABLE if answer.status_code >= 500 else Answered.REFUSED
