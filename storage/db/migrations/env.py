"""Alembic's entry. The connection is handed over by storage.db.database.upgrade."""

from alembic import context

from storage.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
