"""A client of the REST API, which retries until it gets an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from tests.trouble.load.journal import ActKind, ActResult, Journal

BY: Final = "loopback"
PAUSE: Final = 0.3


class RestClient:
    """A REST client; threads may share it."""

    def __init__(self, address: str, journal: Journal) -> None:
        self._http = httpx.Client(base_url=address, trust_env=False, timeout=10)
        self._journal = journal
        self._over = threading.Event()

    def stop(self) -> None:
        """End all retries."""
        self._over.set()

    def close(self) -> None:
        self._http.close()

    def start(self, token: str, words: str, crew: str) -> str | None:
        """Start an execution, retrying under one idempotency key; return its id, or None."""
        execution_ids: list[str] = []

        def execute() -> ActResult:
            answer = self._post(
                "/api/crew/execute",
                {"message": words, "crew": crew},
                headers={"Idempotency-Key": token},
            )
            if answer is not None and answer.status_code == 200:
                execution_ids.append(answer.json()["execution_id"])
            return _result_of(answer)

        self._until_answered(lambda: self._journal.note(ActKind.START, token, by=BY, act=execute))
        return execution_ids[0] if execution_ids else None

    def decide(self, execution: str, checkpoint: str, what: ActKind, text: str) -> ActResult:
        """Decide once; without an answer, the decision may or may not be recorded."""

        def feedback() -> ActResult:
            body = {
                "execution_id": execution,
                "checkpoint_id": checkpoint,
                "action": what.value,
                "feedback": text,
            }
            return _result_of(self._post("/api/crew/feedback", body))

        return self._journal.note(what, checkpoint, by=BY, act=feedback, text=text)

    def status(self, execution: str) -> dict[str, Any] | None:
        """The status of an execution, or None without an answer."""
        answer = self._call(lambda: self._http.get(f"/api/crew/status/{execution}"), "status")
        if answer is None or answer.status_code != 200:
            return None
        status: dict[str, Any] = answer.json()
        return status

    def healthy(self) -> bool:
        answer = self._call(lambda: self._http.get("/health"), "health")
        return answer is not None and answer.status_code == 200

    def _until_answered(self, act: Callable[[], ActResult]) -> None:
        while act() in (ActResult.NO_ANSWER, ActResult.UNAVAILABLE) and not self._over.is_set():
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


def _result_of(answer: httpx.Response | None) -> ActResult:
    if answer is None:
        return ActResult.NO_ANSWER
    if answer.status_code == 200:
        return ActResult.TAKEN
    return ActResult.UNAVAILABLE if answer.status_code >= 500 else ActResult.REFUSED
