"""Classifies failed calls to Slack. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http.client import HTTPException
from typing import Final

from slack_sdk.errors import SlackApiError, SlackClientError

SLACK_ERRORS: Final = (SlackClientError, HTTPException, OSError, ValueError)
"""What a call to Slack may raise: API errors, broken responses and network errors."""


class FailureKind(Enum):
    """What a failure means for the message."""

    RATE_LIMITED = auto()  # Slack says how long to wait
    CHANNEL_CLOSED = auto()  # the bot may not post there
    THREAD_GONE = auto()  # the thread's first message was deleted
    MESSAGE_GONE = auto()  # the message to update was deleted
    NOT_EDITABLE = auto()  # the message can no longer be edited
    BLOCKS_REJECTED = auto()  # Slack rejects the message's blocks or length
    METADATA_REJECTED = auto()  # Slack rejects what we find the message by
    FILE_REJECTED = auto()  # Slack takes no files, or not this one
    TOKEN_REJECTED = auto()  # an operator has to act
    UNCERTAIN = auto()  # the call may have taken effect or not
    OTHER = auto()


_ERROR_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")

_KINDS: Final = {
    "ratelimited": FailureKind.RATE_LIMITED,
    "rate_limited": FailureKind.RATE_LIMITED,
    "message_limit_exceeded": FailureKind.RATE_LIMITED,
    "not_in_channel": FailureKind.CHANNEL_CLOSED,
    "is_archived": FailureKind.CHANNEL_CLOSED,
    "channel_not_found": FailureKind.CHANNEL_CLOSED,
    "invalid_channel": FailureKind.CHANNEL_CLOSED,
    "is_inactive": FailureKind.CHANNEL_CLOSED,
    "posting_to_channel_denied": FailureKind.CHANNEL_CLOSED,
    "restricted_action": FailureKind.CHANNEL_CLOSED,
    "restricted_action_read_only_channel": FailureKind.CHANNEL_CLOSED,
    "restricted_action_thread_locked": FailureKind.CHANNEL_CLOSED,
    "restricted_action_thread_only_channel": FailureKind.CHANNEL_CLOSED,
    "restricted_action_non_threadable_channel": FailureKind.CHANNEL_CLOSED,
    "team_access_not_granted": FailureKind.CHANNEL_CLOSED,
    "thread_not_found": FailureKind.THREAD_GONE,
    "cannot_reply_to_message": FailureKind.THREAD_GONE,
    "message_not_found": FailureKind.MESSAGE_GONE,
    "cant_update_message": FailureKind.MESSAGE_GONE,
    "edit_window_closed": FailureKind.NOT_EDITABLE,
    "update_failed": FailureKind.UNCERTAIN,
    "invalid_blocks": FailureKind.BLOCKS_REJECTED,
    "invalid_blocks_format": FailureKind.BLOCKS_REJECTED,
    "msg_too_long": FailureKind.BLOCKS_REJECTED,
    "msg_blocks_too_long": FailureKind.BLOCKS_REJECTED,
    "too_many_attachments": FailureKind.BLOCKS_REJECTED,
    "invalid_arguments": FailureKind.BLOCKS_REJECTED,
    "no_text": FailureKind.BLOCKS_REJECTED,
    "invalid_attachments": FailureKind.BLOCKS_REJECTED,
    "attachment_payload_limit_exceeded": FailureKind.BLOCKS_REJECTED,
    "block_mismatch": FailureKind.BLOCKS_REJECTED,
    "slack_connect_blocked_file_type": FailureKind.FILE_REJECTED,
    "storage_limit_reached": FailureKind.FILE_REJECTED,
    "file_uploads_disabled": FailureKind.FILE_REJECTED,
    "file_type_not_allowed": FailureKind.FILE_REJECTED,
    "file_upload_size_restricted": FailureKind.FILE_REJECTED,
    "invalid_metadata_format": FailureKind.METADATA_REJECTED,
    "invalid_metadata_schema": FailureKind.METADATA_REJECTED,
    "metadata_too_large": FailureKind.METADATA_REJECTED,
    "metadata_must_be_sent_from_app": FailureKind.METADATA_REJECTED,
    "invalid_auth": FailureKind.TOKEN_REJECTED,
    "not_authed": FailureKind.TOKEN_REJECTED,
    "account_inactive": FailureKind.TOKEN_REJECTED,
    "token_revoked": FailureKind.TOKEN_REJECTED,
    "token_expired": FailureKind.TOKEN_REJECTED,
    "no_permission": FailureKind.TOKEN_REJECTED,
    "missing_scope": FailureKind.TOKEN_REJECTED,
    "org_login_required": FailureKind.TOKEN_REJECTED,
    "ekm_access_denied": FailureKind.TOKEN_REJECTED,
    "access_denied": FailureKind.TOKEN_REJECTED,
    "internal_error": FailureKind.UNCERTAIN,
    "fatal_error": FailureKind.UNCERTAIN,
    "service_unavailable": FailureKind.UNCERTAIN,
    "request_timeout": FailureKind.UNCERTAIN,
    "team_added_to_org": FailureKind.UNCERTAIN,
}


_FILE_METHODS: Final = frozenset({"files.getUploadURLExternal", "files.completeUploadExternal"})
_POSTS: Final = frozenset({"chat.postMessage"}) | _FILE_METHODS
_NOT_GRANTED: Final = frozenset({"missing_scope", "no_permission", "access_denied", "not_allowed"})
"""About a file, these refuse only the file: the bot may lack `files:write` alone."""


@dataclass(frozen=True, slots=True)
class SlackFailure:
    """`error` is Slack's error code, or the exception's name. `retry_after` is in seconds; `method`
    is the Web API method, if known."""

    kind: FailureKind
    error: str
    retry_after: float | None = None
    method: str = ""

    @property
    def rejected_post(self) -> bool:
        """True if Slack rejected a post, so nothing was posted. False for all other methods."""
        return self.kind is not FailureKind.UNCERTAIN and self.method in _POSTS

    @property
    def about_file(self) -> bool:
        """True if the call that failed was to upload a file."""
        return self.method in _FILE_METHODS


def classify(exception: Exception) -> SlackFailure:
    """`exception` is one of SLACK_ERRORS."""
    if not isinstance(exception, SlackApiError):
        return SlackFailure(FailureKind.UNCERTAIN, type(exception).__name__)
    response = exception.response
    error = response.get("error") if hasattr(response, "get") else None
    status = getattr(response, "status_code", None)
    method = str(getattr(response, "api_url", "")).rpartition("/")[2]
    if status == 429 or error in ("ratelimited", "rate_limited"):
        return SlackFailure(
            FailureKind.RATE_LIMITED,
            "ratelimited",
            retry_after=_retry_after(_headers(response)),
            method=method,
        )
    if not isinstance(error, str) or _ERROR_NAME.fullmatch(error) is None:
        # Not a response of Slack's: the client puts the body it received in place of the code.
        return SlackFailure(FailureKind.UNCERTAIN, f"broken_answer_{status}", method=method)
    if isinstance(status, int) and status >= 500:
        return SlackFailure(FailureKind.UNCERTAIN, error, method=method)
    return SlackFailure(_kind(error, method), error, method=method)


def _kind(error: str, method: str) -> FailureKind:
    kind = _KINDS.get(error, FailureKind.OTHER)
    if method not in _FILE_METHODS:
        return kind
    not_taken = kind in (FailureKind.OTHER, FailureKind.BLOCKS_REJECTED) or error in _NOT_GRANTED
    return FailureKind.FILE_REJECTED if not_taken else kind


def _headers(response: object) -> Mapping[str, object]:
    headers: Mapping[str, object] = getattr(response, "headers", None) or {}
    return headers


def classify_status(status: int, headers: Mapping[str, object]) -> SlackFailure:
    """Classify the status of a response URL; a 200 here means that the answer was not Slack's."""
    error = f"status_{status}"
    if status == 429:
        return SlackFailure(FailureKind.RATE_LIMITED, error, retry_after=_retry_after(headers))
    return SlackFailure(
        FailureKind.UNCERTAIN if status == 200 or status >= 500 else FailureKind.OTHER, error
    )


def _retry_after(headers: Mapping[str, object]) -> float:
    for name, value in headers.items():
        if str(name).lower() == "retry-after":
            text = value[0] if isinstance(value, list) and value else value
            try:
                return max(1.0, float(str(text)))
            except ValueError:
                return 30.0
    return 30.0
