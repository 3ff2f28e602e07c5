"""Malformed requests: none makes the server fail or changes anything when it is refused."""

from __future__ import annotations

import asyncio
import os

from tests.api.conftest import Api, Service
from tests.api.fuzz.malformed import malformed
from tests.api.fuzz.service import Watch, complaint, send, targets

COUNT = int(os.environ.get("FUZZ_COUNT", "1500"))
"""`make fuzz-api` sends 100,000."""

SEED = int(os.environ.get("FUZZ_SEED", "0"))

MOST_SHOWN = 20


async def _fuzz(service: Service, api: Api, count: int, seed: int) -> list[str]:
    routes, watch, complaints = targets(service, api), Watch(service), []
    refused = 0
    watch.changed()
    for number in range(seed, seed + count):
        request = malformed(number, routes)
        answer = await send(service.api, request)
        wrong = complaint(request, answer)
        if watch.changed() and answer.status >= 400:
            wrong = f"{answer.status}, and the database was changed"
        if wrong is not None:
            complaints.append(f"{request}\n    {wrong}")
            if len(complaints) == MOST_SHOWN:
                break
        refused += answer.status >= 400
    watch.close()
    assert refused > count / 2 or complaints, "most of the requests were fine"
    return complaints


def test_a_malformed_request_gets_a_problem_and_changes_nothing(service: Service, api: Api) -> None:
    assert asyncio.run(_fuzz(service, api, COUNT, SEED)) == []


def test_a_number_makes_the_same_request_again(service: Service, api: Api) -> None:
    routes = targets(service, api)

    assert [str(malformed(n, routes)) for n in range(50)] == [
        str(malformed(n, routes)) for n in range(50)
    ]
