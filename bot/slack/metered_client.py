"""Slack's client, which also counts the calls that failed."""

from __future__ import annotations

import logging
from typing import Any

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from bot.slack.slack_errors import SLACK_ERRORS, classify
from storage.measurements import Measure, Measurement
from storage.ports import Meter


class MeteredClient(WebClient):
    """Never retries by itself: a post whose response was lost may have succeeded."""

    def __init__(
        self, *, token: str, base_url: str, timeout: int, logger: logging.Logger, meter: Meter
    ) -> None:
        super().__init__(
            token=token, base_url=base_url, timeout=timeout, retry_handlers=[], logger=logger
        )
        self._meter = meter

    def api_call(self, *arguments: Any, **named: Any) -> SlackResponse:
        try:
            return super().api_call(*arguments, **named)
        except SLACK_ERRORS as error:
            kind = classify(error).kind.name.lower()
            self._meter.record([Measurement(Measure.SLACK_ERROR, 1, kind)])
            raise
