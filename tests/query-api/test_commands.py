from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from sightline_core.errors import StoreLocked
from sightline_core.store.migrations import Layout, load_migrations
from sightline_pipeline.landing import SQL
from sightline_query_api.commands import NEWEST_MIGRATION, api, register

if TYPE_CHECKING:
    from sightline_core.settings import Settings
    from sightline_core.store.client import Store


def test_data_in_use_is_refused_in_one_line_that_names_the_way_out(
    store: Store, settings: Settings
) -> None:
    with pytest.raises(StoreLocked, match="sightline up") as error:
        api(data_dir=str(settings.data_dir), port=0)
    assert "\n" not in str(error.value)


def test_it_needs_the_newest_migration_that_there_is() -> None:
    assert load_migrations(SQL, Layout(retention_days=1))[-1].number == NEWEST_MIGRATION


def test_the_help_has_an_example() -> None:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result = CliRunner().invoke(app, ["api", "--help"])
    assert result.exit_code == 0
    assert "sightline api --data-dir" in result.output
