"""Frozen records of the messages that the outbox keeps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OutboxKind(StrEnum):
    """What one of our messages shows. Each row is one message over its whole life."""

    ROOT = "root"
    OUTPUT = "output"  # the output that a checkpoint is about
    WHOLE = "whole"  # the rest of it: the whole text as a file or, without files, as messages
    CHECKPOINT = "checkpoint"  # the card, which has the buttons
    FILE = "file"  # the whole result as a file, or a file that the phase wrote
    REMINDER = "reminder"
    FINAL = "final"
    NOTICE = "notice"  # a text in the thread; `payload` says which


class OutboxState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"  # a post was started: look for it before posting again
    POSTED = "posted"  # `ts` is stored
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message to post, or to update while `shown_version` is behind `version`.

    `key` is unique and is sent in the message's metadata. `generation` starts at 1 and grows each
    time the message was deleted and has to be posted again. `lease_owner` is the deliverer that
    works on it. `permalink` is the message's address, once it is known.
    """

    key: str
    seq: int
    kind: OutboxKind
    execution_id: str
    checkpoint_id: str | None
    payload: Mapping[str, object]
    state: OutboxState
    channel: str
    thread_ts: str | None
    ts: str | None
    generation: int
    version: int
    shown_version: int
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    lease_owner: str | None
    permalink: str | None = None
