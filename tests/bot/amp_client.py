"""A client of CrewAI AMP, written from its public documentation alone."""

from __future__ import annotations

from typing import Any

import httpx


class AmpClient:
    """Knows a base URL and a bearer token, as in AMP."""

    def __init__(self, base_url: str, token: str = "unused") -> None:
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=10,
        )

    def inputs(self) -> list[str]:
        names: list[str] = self._get("/inputs")["inputs"]
        return names

    def kickoff(self, inputs: dict[str, str], **more: Any) -> str:
        answer = self._http.post("/kickoff", json={"inputs": inputs, **more})
        return str(answer.raise_for_status().json()["kickoff_id"])

    def status(self, kickoff_id: str) -> Any:
        return self._get(f"/status/{kickoff_id}")

    def resume(
        self, kickoff_id: str, task_id: str, feedback: str, *, approve: bool, **urls: str
    ) -> httpx.Response:
        body = {
            "execution_id": kickoff_id,
            "task_id": task_id,
            "human_feedback": feedback,
            "is_approve": approve,
            **urls,
        }
        return self._http.post("/resume", json=body)

    def _get(self, path: str) -> Any:
        return self._http.get(path).raise_for_status().json()

    def close(self) -> None:
        self._http.close()
