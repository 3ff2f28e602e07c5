"""blocks.validate: Slack's public check of blocks, messages and views, which needs no token."""

from __future__ import annotations

from practice.limits import Problem, check_message, check_view
from practice.state.errors import SlackError
from practice.state.records import Json
from practice.web_api.call import Call, Method

ARGUMENTS = ("blocks", "message", "view")


def validate(call: Call) -> Json:
    """Check one of `blocks`, `message` or `view`; the errors have JSON pointers into it."""
    given = [name for name in ARGUMENTS if call.arguments.get(name) not in (None, "")]
    if len(given) != 1:
        raise SlackError("invalid_arguments")
    [name] = given
    subject = call.json_argument(name, error="invalid_arguments")
    problems = _problems(call, name, subject)
    if problems:
        raise SlackError(f"invalid_{name}", errors=[_error(problem, name) for problem in problems])
    return {}


def _problems(call: Call, name: str, subject: object) -> list[Problem]:
    if name == "blocks":
        return check_message("", subject, call.workspace.rules)
    if not isinstance(subject, dict):
        raise SlackError("invalid_arguments")
    if name == "view":
        return check_view(subject)
    text = str(subject.get("text") or "")
    return check_message(text, subject.get("blocks"), call.workspace.rules)


def _error(problem: Problem, name: str) -> Json:
    pointer = problem.pointer.removeprefix("/blocks") if name == "blocks" else problem.pointer
    return {"pointer": pointer, "code": "failed_constraint", "message": problem.text}


METHODS = {"blocks.validate": Method(validate, needs_no_token=True)}
