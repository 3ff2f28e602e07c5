"""Alembic's entry point. storage.db.database.upgrade passes the connection."""

from alembic import context

from storage.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
context.run_migrations()
