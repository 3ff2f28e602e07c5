"""What was put off by a clock that was set back since: nothing waits longer than it may."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BindParameter, bindparam, delete, update

from storage.db import sql
from storage.db.tables import OUTBOX_TO_DO, RUN_IS_QUEUED, outbox, phase_runs, rate_limits
from storage.db.transaction import Transaction

LONGEST_WAIT: Final = timedelta(minutes=30)
"""Longer than anything is put off, by us or because Slack asks for it."""


def clear_late_waits(tx: Transaction) -> None:
    """Whatever is put off until a moment so far away was so by a clock that was ahead."""
    for statement in _LET_COME_DUE:
        sql.execute(tx.connection, statement, {"far": tx.now + LONGEST_WAIT})


_FAR: Final[BindParameter[datetime]] = bindparam("far")
_LET_COME_DUE: Final = (
    delete(rate_limits).where(rate_limits.c.free_at > _FAR),
    update(outbox).where(OUTBOX_TO_DO, outbox.c.not_before > _FAR).values(not_before=None),
    update(outbox)
    .where(OUTBOX_TO_DO, outbox.c.lease_until > _FAR)
    .values(lease_owner=None, lease_until=None),
    update(phase_runs).where(RUN_IS_QUEUED, phase_runs.c.not_before > _FAR).values(not_before=None),
)
