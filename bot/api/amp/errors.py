"""Refusals as AMP words them: `{error, message, details}`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from bot.api import bodies, refusals
from bot.api.problems import amp_error
from storage.errors import (
    BadForm,
    BadInputs,
    CountersignError,
    InputFault,
    NotOffered,
    OutcomeNeeded,
    UnknownExecution,
)

ALREADY_RESPONDED: Final = "already_responded"


class Refused(Exception):
    """A refusal of AMP's own."""

    def __init__(self, status: int, message: str, *, error: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error = error


class AmpRoute(APIRoute):
    """A route whose refusals have AMP's shape; what middlewares refuse has it by its path."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return amp_error(422, bodies.problem(error.errors()))
            except Refused as refused:
                return amp_error(refused.status, refused.message, error=refused.error)
            except CountersignError as error:
                return refusal(error)

        return answer


def refusal(error: CountersignError) -> Response:
    status = refusals.status_code(error)
    if status == 503:
        return amp_error(503, refusals.detail(error), headers={"Retry-After": "1"})
    if isinstance(error, UnknownExecution):
        message = f"No execution found with ID: {error.execution_id}"
        return amp_error(404, message, error="Execution not found")
    message = _bad_inputs(error) if isinstance(error, BadInputs) else refusals.detail(error)
    return amp_error(422 if status == 400 else status, message, details=_details(error))


def _bad_inputs(error: BadInputs) -> str:
    missing = _missing(error)
    if len(missing) == len(error.problems):
        return f"Missing required inputs: {', '.join(missing)}"
    return "; ".join(problem.sentence for problem in error.problems)


def _missing(error: BadInputs) -> list[str]:
    return [each.name for each in error.problems if each.fault is InputFault.MISSING]


def _details(error: CountersignError) -> dict[str, object]:
    match error:
        case BadInputs():
            wrong = {
                each.name: each.sentence
                for each in error.problems
                if each.fault is not InputFault.MISSING
            }
            details: dict[str, object] = {"missing_inputs": _missing(error)}
            return {**details, "invalid_inputs": wrong} if wrong else details
        case OutcomeNeeded(checkpoint=checkpoint):
            return {"emit": list(checkpoint.outcomes)}
        case NotOffered(offered=offered):
            return {"actions": [action.value for action in offered]}
        case BadForm(errors=errors):
            return {"values": dict(errors)}
        case _:
            return {}
