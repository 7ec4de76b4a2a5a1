"""Bringing a store's schema up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sightline_core.store.migrations import Layout, Migration, load_migrations, migrate
from sightline_pipeline.landing import SQL

if TYPE_CHECKING:
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store


def migrate_store(store: Store, settings: Settings) -> list[Migration]:
    """Apply the migrations that the store lacks and return them.

    Raises:
        MigrationError: see `sightline_core.store.migrations.migrate`.
    """
    return migrate(store, load_migrations(SQL, Layout(retention_days=settings.retention_days)))
