"""A request body that is kept in a file: whole, or refused."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

import pytest

from sightline_core.clickhouse_http.body import Body
from sightline_core.clickhouse_http.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FITS = 10_000


@pytest.fixture
def little_room() -> Iterator[None]:
    """The system takes a part of a write and says how much, as on a disk that fills up."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FITS, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_body_that_does_not_fit_is_never_kept_in_part(
    little_room: None, tmp_path: Path
) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * (FITS + 1), "more_body": False}

    body = Body(receive, query=b"", encoding="", limit=1 << 20)
    with pytest.raises(Refusal, match="cannot keep the body"):
        await body.spool(b"", tmp_path / "body")
