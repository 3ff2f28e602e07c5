"""A SQLite file whose disk is full."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import event, func, insert, select

from storage.db.database import reading, upgrade, writing
from storage.db.engines import open_engine
from storage.db.tables import inbox
from storage.errors import Unreachable
from tests.support.factories import NOON


def test_a_write_raises_unreachable_and_no_row_of_it_is_written(
    tmp_path: Path,
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'countersign.db'}")
    upgrade(engine)
    rows = [{"key": f"{number:0250}", "at": NOON, "execution_id": None} for number in range(100)]
    event.listen(engine, "connect", lambda driver, _: driver.execute("PRAGMA max_page_count = 1"))
    engine.dispose()  # the file cannot grow, as on a full disk

    with pytest.raises(Unreachable), writing(engine) as connection:
        connection.execute(insert(inbox), rows)

    with reading(engine) as connection:
        assert connection.execute(select(func.count()).select_from(inbox)).scalar_one() == 0
    engine.dispose()
