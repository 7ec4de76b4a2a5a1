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
    applied = migrate(store, load_migrations(SQL, Layout(retention_days=settings.retention_days)))
    _apply_retention(store, settings.retention_days)
    return applied


def _apply_retention(store: Store, days: int) -> None:
    """Make the tables keep what the settings say; they were created with what was set then."""
    for row in store.rows((SQL / "retention.sql").read_text(encoding="utf-8"), {"days": days}):
        # Names and expressions are the store's own, as it prints them.
        store.command(f"ALTER TABLE {row['table']} MODIFY TTL {row['wanted']}")
