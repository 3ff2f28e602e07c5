"""Clears waits that end too far in the future because the clock was set back meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import BindParameter, bindparam, delete, update

from storage.db import sql
from storage.db.tables import OUTBOX_TO_DO, RUN_IS_QUEUED, outbox, phase_runs, rate_limits
from storage.db.transaction import Transaction

LONGEST_WAIT: Final = timedelta(minutes=30)
"""Longer than any wait, whether it is ours or Slack asks for it."""


def clear_future_waits(tx: Transaction) -> None:
    """Clear every wait that ends later than LONGEST_WAIT: the clock was ahead when it was set."""
    for statement in _CLEAR_WAITS:
        sql.execute(tx.connection, statement, {"far": tx.now + LONGEST_WAIT})


_FAR: Final[BindParameter[datetime]] = bindparam("far")
_CLEAR_WAITS: Final = (
    delete(rate_limits).where(rate_limits.c.free_at > _FAR),
    update(outbox).where(OUTBOX_TO_DO, outbox.c.not_before > _FAR).values(not_before=None),
    update(outbox)
    .where(OUTBOX_TO_DO, outbox.c.lease_until > _FAR)
    .values(lease_owner=None, lease_until=None),
    update(phase_runs).where(RUN_IS_QUEUED, phase_runs.c.not_before > _FAR).values(not_before=None),
)
