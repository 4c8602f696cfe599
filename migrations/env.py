"""Run by Alembic; the connection comes from `migrations.upgrade`, in its transaction."""

from alembic import context

from models import tables  # noqa: F401 - fills the metadata
from models.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
