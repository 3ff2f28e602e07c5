"""What an error of Slack's means for a post: wait, give up, look elsewhere, or look again."""

from __future__ import annotations

from http.client import IncompleteRead

import pytest
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web import SlackResponse

from bot.slack import slack_errors
from bot.slack.slack_errors import FailureKind, SlackFailure

POST = "chat.postMessage"


def refusal(
    error: object,
    *,
    status: int = 200,
    method: str = POST,
    headers: dict[str, object] | None = None,
) -> SlackApiError:
    """What the client raises for an answer of Slack's."""
    response = SlackResponse(
        client=None,
        http_verb="POST",
        api_url=f"https://slack.com/api/{method}",
        req_args={},
        data={"ok": False, "error": error},
        headers=headers or {},
        status_code=status,
    )
    return SlackApiError("refused", response)  # type: ignore[no-untyped-call]  # it ships no types


@pytest.mark.parametrize(
    ("kind", "errors"),
    [
        (FailureKind.RATE_LIMITED, "message_limit_exceeded"),
        (
            FailureKind.CHANNEL_CLOSED,
            """
            not_in_channel is_archived channel_not_found invalid_channel is_inactive
            posting_to_channel_denied restricted_action restricted_action_read_only_channel
            restricted_action_thread_locked restricted_action_thread_only_channel
            restricted_action_non_threadable_channel team_access_not_granted
            """,
        ),
        (FailureKind.THREAD_GONE, "thread_not_found cannot_reply_to_message"),
        (FailureKind.MESSAGE_GONE, "message_not_found cant_update_message"),
        (FailureKind.NOT_EDITABLE, "edit_window_closed"),
        (
            FailureKind.BLOCKS_REJECTED,
            """
            invalid_blocks invalid_blocks_format msg_too_long msg_blocks_too_long
            too_many_attachments invalid_arguments no_text invalid_attachments
            attachment_payload_limit_exceeded block_mismatch
            """,
        ),
        (
            FailureKind.METADATA_REJECTED,
            """
            invalid_metadata_format invalid_metadata_schema metadata_too_large
            metadata_must_be_sent_from_app
            """,
        ),
        (
            FailureKind.FILE_REJECTED,
            """
            storage_limit_reached file_uploads_disabled file_type_not_allowed
            file_upload_size_restricted
            """,
        ),
        (
            FailureKind.TOKEN_REJECTED,
            """
            invalid_auth not_authed account_inactive token_revoked token_expired no_permission
            missing_scope org_login_required ekm_access_denied access_denied
            """,
        ),
        (
            FailureKind.UNCERTAIN,
            """
            update_failed internal_error fatal_error service_unavailable request_timeout
            team_added_to_org
            """,
        ),
        (FailureKind.OTHER, "something_new"),
    ],
)
def test_slacks_name_of_an_error_says_what_kind_it_is(kind: FailureKind, errors: str) -> None:
    for error in errors.split():
        assert slack_errors.classify(refusal(error)) == SlackFailure(kind, error, method=POST)


@pytest.mark.parametrize("error", ["something_new", "invalid_arguments", "missing_scope"])
def test_an_upload_that_is_refused_for_any_reason_of_its_own_needs_another_way(error: str) -> None:
    failure = slack_errors.classify(refusal(error, method="files.completeUploadExternal"))

    assert failure.kind is FailureKind.FILE_REJECTED
    assert failure.about_file


@pytest.mark.parametrize("error", ["not_in_channel", "invalid_auth", "internal_error"])
def test_an_upload_fails_as_any_other_call_if_the_file_is_not_the_reason(error: str) -> None:
    upload = slack_errors.classify(refusal(error, method="files.getUploadURLExternal"))

    assert upload.kind is slack_errors.classify(refusal(error)).kind


@pytest.mark.parametrize("error", ["ratelimited", "rate_limited"])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": ["12"]}, 12.0),
        ({"Retry-After": "0"}, 1.0),
        ({"Retry-After": "soon"}, 30.0),
        ({"Retry-After": []}, 30.0),
        ({"Retry-After": ["9", "10"]}, 9.0),
        ({"Retry-After": "12"}, 12.0),
        ({"X-Slack-Req-Id": "1", "Retry-After": "8"}, 8.0),
        ({}, 30.0),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(
    error: str, headers: dict[str, object], seconds: float
) -> None:
    trouble = slack_errors.classify(refusal(error, headers=headers))

    assert trouble == SlackFailure(
        FailureKind.RATE_LIMITED, "ratelimited", retry_after=seconds, method=POST
    )


def test_status_429_is_a_rate_limit_whatever_the_body_says() -> None:
    trouble = slack_errors.classify(
        refusal("fatal_error", status=429, headers={"Retry-After": "3"})
    )

    assert (trouble.kind, trouble.retry_after) == (FailureKind.RATE_LIMITED, 3.0)


@pytest.mark.parametrize("status", [500, 503])
def test_a_refusal_with_a_server_error_may_have_been_carried_out(status: int) -> None:
    trouble = slack_errors.classify(refusal("not_in_channel", status=status))

    assert trouble == SlackFailure(FailureKind.UNCERTAIN, "not_in_channel", method=POST)


@pytest.mark.parametrize("error", [None, 5, "", "<html>", "Bad Gateway", "not_in_channel\n"])
def test_an_answer_that_is_none_of_slacks_is_uncertain(error: object) -> None:
    trouble = slack_errors.classify(refusal(error, status=502))

    assert trouble == SlackFailure(FailureKind.UNCERTAIN, "broken_answer_502", method=POST)


@pytest.mark.parametrize(
    "fault",
    [TimeoutError(), ConnectionResetError(), IncompleteRead(b""), SlackRequestError(""), OSError()],
)
def test_a_lost_answer_is_uncertain_and_is_named_after_the_exception(fault: Exception) -> None:
    assert isinstance(fault, slack_errors.SLACK_ERRORS)
    assert slack_errors.classify(fault) == SlackFailure(FailureKind.UNCERTAIN, type(fault).__name__)


@pytest.mark.parametrize(
    ("fault", "refused"),
    [
        (refusal("not_in_channel"), True),
        (refusal("ratelimited"), True),
        (refusal("missing_scope", method="files.completeUploadExternal"), True),
        (refusal("missing_scope", method="files.getUploadURLExternal"), True),
        (refusal("not_in_channel", status=499), True),
        (refusal("internal_error"), False),
        (refusal("not_in_channel", status=500), False),
        (refusal("channel_not_found", method="conversations.replies"), False),
        (TimeoutError(), False),
    ],
)
def test_only_a_clear_no_to_a_post_says_that_nothing_was_posted(
    fault: Exception, refused: bool
) -> None:
    assert slack_errors.classify(fault).rejected_post is refused


@pytest.mark.parametrize(
    ("status", "kind", "seconds"),
    [
        (429, FailureKind.RATE_LIMITED, 5.0),
        (200, FailureKind.UNCERTAIN, None),
        (500, FailureKind.UNCERTAIN, None),
        (404, FailureKind.OTHER, None),
        (499, FailureKind.OTHER, None),
    ],
)
def test_an_address_that_answers_with_a_status_alone(
    status: int, kind: FailureKind, seconds: float | None
) -> None:
    trouble = slack_errors.classify_status(status, {"Retry-After": "5"})

    assert trouble == SlackFailure(kind, f"status_{status}", retry_after=seconds)
    assert not trouble.rejected_post
