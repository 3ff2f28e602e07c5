"""What the application answers to exceptions: each becomes a problem."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from bot.api import bodies, refusals
from bot.api.access import ScopeMissing, Unauthenticated
from bot.api.authentication import unauthenticated
from bot.api.problems import problem
from bot.persons import Deactivated
from storage.errors import CountersignError

log = logging.getLogger(__name__)


def add_exception_handlers(api: FastAPI) -> None:
    api.add_exception_handler(CountersignError, _refused)
    api.add_exception_handler(ScopeMissing, _forbidden)
    api.add_exception_handler(Deactivated, _forbidden)
    api.add_exception_handler(Unauthenticated, _unauthenticated)
    api.add_exception_handler(RequestValidationError, _bad_request)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(OperationalError, _no_database)
    api.add_exception_handler(Exception, _unexpected)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, CountersignError)  # noqa: S101  # what the handler is registered for
    code = refusals.status_code(error)
    headers = {"Retry-After": "1"} if code == 503 else None
    return problem(code, refusals.detail(error), headers)


async def _forbidden(_: Request, error: Exception) -> Response:
    return problem(403, str(error))


async def _unauthenticated(_: Request, __: Exception) -> Response:
    return unauthenticated()


async def _bad_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
    return problem(400, bodies.problem(error.errors()))


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as above
    return problem(error.status_code, error.detail, error.headers)


async def _no_database(_: Request, error: Exception) -> Response:
    log.error("api.no_database", extra={"error": str(getattr(error, "orig", error))})
    return problem(503, "the database cannot be reached: try again", {"Retry-After": "5"})


async def _unexpected(_: Request, __: Exception) -> Response:
    """The server logs the traceback; the client does not see it."""
    return problem(500, "something went wrong; the bot's log says more")
