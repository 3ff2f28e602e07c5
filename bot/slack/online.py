"""`countersign doctor --online`: asks Slack's public `blocks.validate` about samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.findings import Finding, failed, good, warning
from bot.slack.samples import Sample, samples

_SECONDS: Final = 10
_REFUSED: Final = ("invalid_blocks", "invalid_message", "invalid_view")
_ADVICE: Final = (
    "Update Countersign, or report this with the line above. Until then the bot sends a simpler "
    "form."
)
_MOST_REASONS: Final = 3


def check_online(*, api_url: str) -> Iterator[Finding]:
    """Send each sample, without a token; yield those that Slack refuses, then the sum.

    Stops at the first call that gets no verdict, because the others would get none either.
    """
    client = WebClient(base_url=api_url, timeout=_SECONDS, retry_handlers=[])
    checked = refused = 0
    for sample in samples():
        try:
            client.api_call("blocks.validate", json=sample.arguments)
        except SlackApiError as error:
            answer: dict[str, Any] = error.response.data if _is_json(error) else {}
            if answer.get("error") not in _REFUSED:
                yield _no_verdict(str(answer.get("error") or error.response.status_code), checked)
                return
            refused += 1
            yield failed("Slack messages", _refusal(sample, answer), _ADVICE)
        except (SlackClientError, OSError) as error:
            yield _no_verdict(str(getattr(error, "reason", None) or error), checked)
            return
        checked += 1
    if not refused:
        yield good("Slack messages", f"Slack takes all {checked} samples of messages and modals")
    else:
        yield warning("Slack messages", f"Slack refuses {refused} of {checked} samples")


def _is_json(error: SlackApiError) -> bool:
    return isinstance(error.response.data, dict)


def _refusal(sample: Sample, answer: dict[str, Any]) -> str:
    """Which sample it is, and the first reasons, each with its place."""
    errors = [error for error in answer.get("errors") or [] if isinstance(error, dict)]
    reasons = [
        f"{error.get('message') or error.get('code')} ({error.get('pointer') or '/'})"
        for error in errors[:_MOST_REASONS]
    ]
    more = len(errors) - len(reasons)
    if more > 0:
        reasons.append(f"and {more} more")
    return f"Slack refuses the {sample.name}: {'; '.join(reasons) or answer.get('error')}"


def _no_verdict(reason: str, checked: int) -> Finding:
    after = f" after {checked} samples" if checked else ""
    if reason == "ratelimited":
        return warning(
            "Slack messages",
            f"Slack takes no more samples for now{after}",
            "Run `countersign doctor --online` again in a minute.",
        )
    return warning(
        "Slack messages",
        f"Slack gave no verdict on the samples{after}: {reason}",
        "Check the network, a proxy, and SLACK_API_URL.",
    )
