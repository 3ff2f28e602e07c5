"""The answers that Slack may give, and the expected outcome of each.

The names, separated by spaces, come from Slack's own lists of errors by method. The expected
outcomes do not come from the product, which has a table of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from practice.faults.plan import Kind

RETRIED: Final = "retried"
PLAIN: Final = "shown plainly"
MOVED: Final = "moved to a direct message"
REPORTED: Final = "given up with a message"
UNREPORTED: Final = "given up without a message"
ANSWERED: Final = "answered with a message"
UNANSWERED: Final = "not answered"

LASTING: Final = 8
"""How many calls in a row meet a lasting fault."""


@dataclass(frozen=True)
class Fault:
    """One answer from Slack, which `times` calls get; None means all calls."""

    kind: Kind
    times: int | None = 1
    error: str = "internal_error"
    retry_after: int = 1
    status: int = 500

    def __str__(self) -> str:
        labels = {
            "error": self.error,
            "ratelimited": f"429 ({self.retry_after} s)",
            "http_500": f"{self.status}",
        }
        name = labels.get(self.kind, self.kind)
        return name if self.times == 1 else f"{name} ×{self.times or 'all'}"


AUTH: Final = (
    "access_denied account_inactive ekm_access_denied invalid_auth missing_scope no_permission "
    "not_authed org_login_required token_expired token_revoked"
)
"""An operator has to act; nothing may be lost until then."""

TEMPORARY: Final = (
    "fatal_error internal_error request_timeout service_unavailable team_added_to_org"
)
"""Temporary errors; the call may or may not have taken effect."""

UNUSUAL: Final = (
    "accesslimited deprecated_endpoint enterprise_is_restricted invalid_arg_name "
    "invalid_array_arg invalid_charset invalid_form_data invalid_post_type method_deprecated "
    "missing_post_type not_allowed_token_type two_factor_setup_required"
)
"""Errors that calls like these do not normally get."""

CHANNELS: Final = (
    "channel_not_found is_archived not_in_channel restricted_action "
    "restricted_action_read_only_channel restricted_action_thread_locked "
    "restricted_action_thread_only_channel restricted_action_non_threadable_channel "
    "team_access_not_granted"
)
"""The bot may not post there."""

CONTENT: Final = (
    "invalid_arguments invalid_blocks invalid_blocks_format msg_blocks_too_long msg_too_long "
    "no_text too_many_attachments"
)
"""Slack does not accept the content."""

RATE_LIMITS: Final = "ratelimited rate_limited message_limit_exceeded"

OWN: Final = {
    "chat.postMessage": (
        "as_user_not_supported invalid_metadata_format metadata_too_large "
        "slack_connect_file_link_sharing_blocked team_not_found"
    ),
    "chat.update": (
        "block_mismatch cant_broadcast_message external_channel_migrating streaming_state_conflict"
    ),
    "files.getUploadURLExternal": "file_upload_size_restricted storage_limit_reached",
    "files.completeUploadExternal": "file_not_found file_update_failed",
    "views.open": "expired_trigger_id exchanged_trigger_id view_too_large",
    "conversations.replies": "thread_not_found channel_not_found invalid_cursor",
    "conversations.history": "channel_not_found invalid_ts_latest",
    "conversations.open": "user_disabled user_not_found cannot_dm_bot",
    "conversations.members": "fetch_members_failed channel_not_found",
    "users.info": "user_not_found user_not_visible",
    "chat.postEphemeral": "user_not_in_channel channel_not_found",
    "chat.delete": "cant_delete_message message_not_found compliance_exports_prevent_deletion",
}
"""Errors of single methods."""


def network(times: int) -> Iterator[Fault]:
    """Faults that any call may meet, regardless of its content."""
    for seconds in (1, 30, 120):
        yield Fault("ratelimited", times, retry_after=seconds)
    for status in (500, 502, 503, 504):
        yield Fault("http_500", times, status=status)
    for kind in ("no_json", "truncated", "lost_reply", "lost_request"):
        yield Fault(kind, times)


def refusals(names: str, times: int | None) -> Iterator[Fault]:
    for name in names.split():
        yield Fault("error", times, error=name)


def of_posting(times: int) -> Iterator[tuple[Fault, str]]:
    """Each fault of posting, with the expected outcome for the message's checkpoint."""
    lasting = times > 1
    refusal_times = None if lasting else 1
    for fault in network(times):
        yield fault, RETRIED
    for fault in refusals(f"{AUTH} {TEMPORARY} {RATE_LIMITS}", times):
        yield fault, RETRIED
    for fault in refusals(CHANNELS, times):
        yield fault, MOVED
    for fault in refusals(CONTENT, refusal_times):
        yield fault, MOVED if lasting else PLAIN
    for fault in refusals(f"{UNUSUAL} {OWN['chat.postMessage']}", refusal_times):
        yield fault, MOVED if lasting else RETRIED


def of_arming(times: int) -> Iterator[tuple[Fault, str]]:
    """Each fault of adding the buttons, with the expected outcome for the message's checkpoint."""
    lasting = times > 1
    refusal_times = None if lasting else 1
    for fault in network(times):
        yield fault, RETRIED
    for fault in refusals(f"{AUTH} {TEMPORARY} update_failed {RATE_LIMITS}", times):
        yield fault, RETRIED
    for fault in refusals("channel_not_found is_inactive", times):
        yield fault, MOVED
    for fault in refusals("message_not_found cant_update_message", refusal_times):
        yield fault, MOVED if lasting else RETRIED
    for fault in refusals("invalid_blocks msg_too_long invalid_arguments", refusal_times):
        yield fault, MOVED if lasting else PLAIN
    for fault in refusals(f"{UNUSUAL} edit_window_closed {OWN['chat.update']}", refusal_times):
        yield fault, MOVED if lasting else RETRIED


def of_any(method: str, times: int) -> Iterator[Fault]:
    """The faults of a method whose failure must never prevent a decision."""
    yield from network(times)
    yield from refusals(f"{AUTH} {TEMPORARY} {UNUSUAL} ratelimited", times)
    yield from refusals(OWN.get(method, ""), times)
