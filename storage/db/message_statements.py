"""Statements of the outbox, built once like those in `storage.db.statements`."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    Select,
    and_,
    bindparam,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from storage.db.tables import (
    CHECKPOINT_IS_PENDING,
    OUTBOX_IS_MOVED,
    OUTBOX_TO_DO,
    OUTBOX_TO_UPDATE,
    checkpoints,
    executions,
    outbox,
)
from storage.messages import OutboxState

ADD_MESSAGE: Final = insert(outbox)

MESSAGE_EXISTS: Final = select(outbox.c.seq).where(outbox.c.key == bindparam("of_key"))

EXISTING_MESSAGES: Final = select(outbox.c.key).where(
    outbox.c.key.in_(bindparam("of_keys", expanding=True))
)

LOCK_MESSAGES: Final = (
    select(outbox.c.seq)
    .where(outbox.c.key.in_(bindparam("of_keys", expanding=True)))
    .order_by(outbox.c.seq)
    .with_for_update()
)

MESSAGES: Final[Select[Any]] = select(outbox, executions.c.thread_ts.label("root_ts")).join(
    executions, executions.c.id == outbox.c.execution_id
)
"""Messages, joined to the thread of their execution."""

MESSAGE: Final = MESSAGES.where(outbox.c.seq == bindparam("of_seq"))

ANY_MESSAGE_TO_DO: Final = select(outbox.c.seq).where(OUTBOX_TO_DO).limit(1)

LEASE_OWNERS_OF_MESSAGES: Final = (
    select(outbox.c.lease_owner).where(OUTBOX_TO_DO, outbox.c.lease_owner.is_not(None)).distinct()
)

RELEASE_MESSAGES: Final = update(outbox).where(
    OUTBOX_TO_DO, outbox.c.lease_owner.in_(bindparam("owners", expanding=True))
)

MESSAGE_IS_FREE: Final = and_(
    or_(outbox.c.lease_until.is_(None), outbox.c.lease_until < bindparam("now")),
    or_(outbox.c.not_before.is_(None), outbox.c.not_before <= bindparam("now")),
)
"""Neither leased nor postponed."""

LEASE_MESSAGE: Final = update(outbox).where(
    outbox.c.seq == bindparam("of_seq"), outbox.c.state == bindparam("of_state"), MESSAGE_IS_FREE
)
"""Checks again that it is free: another deliverer may have worked on it since it was found due."""

CHANGE_LEASED_MESSAGE: Final = update(outbox).where(
    outbox.c.seq == bindparam("of_seq"), outbox.c.lease_owner == bindparam("of_owner")
)

NAMED_MESSAGES: Final[Select[Any]] = MESSAGES.where(
    outbox.c.key.in_(bindparam("of_keys", expanding=True))
)

NAMED_MESSAGES_TO_UPDATE: Final = (
    select(outbox.c.seq, outbox.c.state)
    .where(
        outbox.c.key.in_(bindparam("of_keys", expanding=True)), OUTBOX_TO_UPDATE, MESSAGE_IS_FREE
    )
    .order_by(outbox.c.seq)
    .limit(1)
)

_QUEUED_AGAIN: Final[dict[str, Any]] = {
    "state": literal_column(f"'{OutboxState.QUEUED.value}'"),
    "ts": None,
    "permalink": None,
    "shown_version": 0,
    "attempts": 0,
    "generation": outbox.c.generation + 1,
    "lease_owner": None,
    "lease_until": None,
    "not_before": None,
}

QUEUE_UNNEEDED: Final = (
    update(outbox)
    .where(
        outbox.c.key == bindparam("of_key"),
        outbox.c.state == literal_column(f"'{OutboxState.POSTED.value}'"),
        outbox.c.ts.is_(None),
    )
    .values(**_QUEUED_AGAIN)
)
"""Queue a message that was not posted because nothing had to be."""

QUEUE_AGAIN: Final = (
    update(outbox)
    .where(outbox.c.key.in_(bindparam("of_keys", expanding=True)))
    .values(**_QUEUED_AGAIN)
)

MARK_UNNEEDED: Final = (
    update(outbox)
    .where(
        outbox.c.key.in_(bindparam("of_keys", expanding=True)),
        outbox.c.state == literal_column(f"'{OutboxState.QUEUED.value}'"),
        outbox.c.generation == literal_column("1"),
        outbox.c.lease_owner.is_(None),
    )
    .values(state=literal_column(f"'{OutboxState.POSTED.value}'"), shown_version=outbox.c.version)
)
"""For messages that nobody has worked on yet."""

STORE_PERMALINK: Final = update(outbox).where(
    outbox.c.key == bindparam("of_key"),
    outbox.c.ts == bindparam("of_ts"),
    outbox.c.permalink.is_(None),
)

MOVED_CHECKPOINT: Final = (
    select(checkpoints.c.id)
    .join(outbox, outbox.c.checkpoint_id == checkpoints.c.id)
    .where(
        OUTBOX_IS_MOVED,
        outbox.c.channel == bindparam("of_channel"),
        outbox.c.ts == bindparam("of_ts"),
        checkpoints.c.message_channel == outbox.c.channel,
        checkpoints.c.message_ts == outbox.c.ts,
        CHECKPOINT_IS_PENDING,
    )
)
"""The pending checkpoint whose message had to be moved to this thread."""

BUMP_MESSAGE_VERSION: Final = (
    update(outbox).where(outbox.c.key == bindparam("of_key")).values(version=outbox.c.version + 1)
)
