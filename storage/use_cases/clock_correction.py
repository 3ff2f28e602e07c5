"""What was put off by a clock that was set back since: nothing waits longer than it may."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, update

from storage.db.tables import OUTBOX_TO_DO, RUN_IS_QUEUED, outbox, paces, phase_runs
from storage.db.transaction import Transaction

LONGEST_WAIT: Final = timedelta(minutes=30)
"""Longer than anything is put off, by us or because Slack asks for it."""


def let_come_due(tx: Transaction) -> None:
    """Whatever is put off until a moment so far away was so by a clock that was ahead."""
    far = tx.now + LONGEST_WAIT
    tx.connection.execute(delete(paces).where(paces.c.free_at > far))
    for moment, values in (
        (outbox.c.not_before, {"not_before": None}),
        (outbox.c.held_until, {"held_by": None, "held_until": None}),
    ):
        tx.connection.execute(update(outbox).where(OUTBOX_TO_DO, moment > far).values(values))
    tx.connection.execute(
        update(phase_runs)
        .where(RUN_IS_QUEUED, phase_runs.c.not_before > far)
        .values(not_before=None)
    )
