"""What went wrong in a call to Slack, as a closed choice. Pure but for reading the exception."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http.client import HTTPException
from typing import Final

from slack_sdk.errors import SlackApiError, SlackClientError

FAULTS: Final = (SlackClientError, HTTPException, OSError, ValueError)
"""What a call to Slack raises: refusals, broken answers, and the network's troubles."""


class Kind(Enum):
    RATE = auto()  # too fast: Slack says how long to wait
    PLACE = auto()  # the bot may not post there
    THREAD = auto()  # the thread's first message is gone
    MESSAGE = auto()  # the message to change is gone
    FROZEN = auto()  # the message can be changed no more
    BLOCKS = auto()  # Slack does not take this way of showing it
    TOKEN = auto()  # an operator has to act
    UNCERTAIN = auto()  # it may have happened or not
    OTHER = auto()


_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")

_KINDS: Final = {
    "ratelimited": Kind.RATE,
    "rate_limited": Kind.RATE,
    "message_limit_exceeded": Kind.RATE,
    "not_in_channel": Kind.PLACE,
    "is_archived": Kind.PLACE,
    "channel_not_found": Kind.PLACE,
    "invalid_channel": Kind.PLACE,
    "is_inactive": Kind.PLACE,
    "posting_to_channel_denied": Kind.PLACE,
    "restricted_action": Kind.PLACE,
    "restricted_action_read_only_channel": Kind.PLACE,
    "restricted_action_thread_locked": Kind.PLACE,
    "restricted_action_thread_only_channel": Kind.PLACE,
    "restricted_action_non_threadable_channel": Kind.PLACE,
    "team_access_not_granted": Kind.PLACE,
    "thread_not_found": Kind.THREAD,
    "cannot_reply_to_message": Kind.THREAD,
    "message_not_found": Kind.MESSAGE,
    "cant_update_message": Kind.MESSAGE,
    "edit_window_closed": Kind.FROZEN,
    "update_failed": Kind.UNCERTAIN,
    "invalid_blocks": Kind.BLOCKS,
    "invalid_blocks_format": Kind.BLOCKS,
    "msg_too_long": Kind.BLOCKS,
    "msg_blocks_too_long": Kind.BLOCKS,
    "too_many_attachments": Kind.BLOCKS,
    "invalid_arguments": Kind.BLOCKS,
    "no_text": Kind.BLOCKS,
    "invalid_auth": Kind.TOKEN,
    "not_authed": Kind.TOKEN,
    "account_inactive": Kind.TOKEN,
    "token_revoked": Kind.TOKEN,
    "token_expired": Kind.TOKEN,
    "no_permission": Kind.TOKEN,
    "missing_scope": Kind.TOKEN,
    "org_login_required": Kind.TOKEN,
    "ekm_access_denied": Kind.TOKEN,
    "access_denied": Kind.TOKEN,
    "internal_error": Kind.UNCERTAIN,
    "fatal_error": Kind.UNCERTAIN,
    "service_unavailable": Kind.UNCERTAIN,
    "request_timeout": Kind.UNCERTAIN,
    "team_added_to_org": Kind.UNCERTAIN,
}


_POSTS: Final = frozenset(
    {"chat.postMessage", "files.getUploadURLExternal", "files.completeUploadExternal"}
)


@dataclass(frozen=True, slots=True)
class SlackFailure:
    """`error` is Slack's name for it, or the exception's. `wait` is in seconds, `method` what
    Slack was asked for."""

    kind: Kind
    error: str
    wait: float | None = None
    method: str = ""

    @property
    def refused(self) -> bool:
        """Slack said no to a post: nothing was posted. Of other calls it says nothing of one."""
        return self.kind is not Kind.UNCERTAIN and self.method in _POSTS


def of(fault: Exception) -> SlackFailure:
    if not isinstance(fault, SlackApiError):
        return SlackFailure(Kind.UNCERTAIN, type(fault).__name__)
    response = fault.response
    error = response.get("error") if hasattr(response, "get") else None
    status = getattr(response, "status_code", None)
    method = str(getattr(response, "api_url", "")).rpartition("/")[2]
    if status == 429 or error in ("ratelimited", "rate_limited"):
        return SlackFailure(
            Kind.RATE, "ratelimited", wait=_retry_after(_headers(response)), method=method
        )
    if not isinstance(error, str) or _NAME.fullmatch(error) is None:
        # Half an answer, or none of Slack's: the client puts what it got in the error's place.
        return SlackFailure(Kind.UNCERTAIN, f"broken_answer_{status}")
    if isinstance(status, int) and status >= 500:
        return SlackFailure(Kind.UNCERTAIN, error)
    return SlackFailure(_KINDS.get(error, Kind.OTHER), error, method=method)


def _headers(response: object) -> Mapping[str, object]:
    headers: Mapping[str, object] = getattr(response, "headers", None) or {}
    return headers


def of_status(status: int, headers: Mapping[str, object]) -> SlackFailure:
    """Of an address that answers with a status alone: 200 is an answer that is none of Slack's."""
    error = f"status_{status}"
    if status == 429:
        return SlackFailure(Kind.RATE, error, wait=_retry_after(headers))
    return SlackFailure(Kind.UNCERTAIN if status == 200 or status >= 500 else Kind.OTHER, error)


def _retry_after(headers: Mapping[str, object]) -> float:
    for name, said in headers.items():
        if str(name).lower() == "retry-after":
            first = said[0] if isinstance(said, list) and said else said
            try:
                return max(1.0, float(str(first)))
            except ValueError:
                return 30.0
    return 30.0
