"""Alembic's entry point. storage.db.database.upgrade passes the connection."""

from alembic import context

import storage.db.tables  # noqa: F401  # fills it
from storage.db.metadata import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
