"""Sends what the spool holds to a collector, oldest first, over OTLP/HTTP."""

from __future__ import annotations

import gzip
import http.client
import random
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

if TYPE_CHECKING:
    from sightline_agent.spool import Spool

FIRST_SECONDS: Final = 0.5
LONGEST_SECONDS: Final = 30.0
MAX_ANSWER_BYTES: Final = 4 << 20
_FOR_GOOD: Final = frozenset({400, 413, 415, 422})
"""Sending the same bytes again cannot help. Other refusals may end: a wrong address or password
is mended by a person, and until then the data stays where it is."""


class Outcome(Enum):
    """What became of one attempt."""

    EMPTY = "nothing waits"
    SENT = "a request arrived"
    REFUSED = "a request was refused for good, and is in quarantine"
    AGAIN = "nobody took it; try later"


@dataclass(slots=True)
class _Answer:
    status: int
    retry_after: float
    body: bytes


class Forwarder:
    """Sends one request at a time, so that an endpoint that comes back is not flooded.

    Attributes:
        trouble: why the last attempt failed, in a sentence; empty when it did not.
        wait_seconds: how long to wait before the next attempt.
    """

    def __init__(self, spool: Spool, endpoint: str, *, timeout_seconds: float = 30.0) -> None:
        """Send to `endpoint`, an http(s) address without a path."""
        self.trouble = ""
        self.wait_seconds = 0.0
        self._spool = spool
        self._endpoint = endpoint
        self._timeout = timeout_seconds
        self._failures = 0
        self._connection: http.client.HTTPConnection | None = None

    def send_next(self) -> Outcome:
        """Send the oldest request; blocks until it is answered.

        Raises:
            SpoolFull: the disk takes no note of the outcome; the request may be sent again.
        """
        entry = self._spool.first()
        if entry is None:
            return Outcome.EMPTY
        try:
            answer = self._post(entry.payload)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return self._fail(f"{type(error).__name__}: {error}")
        if answer.status == 200:
            self._succeed()
            self._spool.sent(entry, rejected=min(_rejected(answer.body), entry.records))
            return Outcome.SENT
        why = f"status {answer.status}: {answer.body[:200].decode('utf-8', 'replace')}"
        if answer.status in _FOR_GOOD:
            self._succeed()
            self.trouble = f"{self._endpoint} refused {entry.records} records for good: {why}"
            self._spool.quarantine(entry)
            return Outcome.REFUSED
        return self._fail(why, answer.retry_after)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, payload: bytes) -> _Answer:
        if self._connection is None:
            url = urlsplit(self._endpoint)
            secure = url.scheme == "https"
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connection = kind(url.netloc, timeout=self._timeout)
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
        body = gzip.compress(payload, compresslevel=1)
        self._connection.request("POST", "/v1/logs", body=body, headers=headers)
        response = self._connection.getresponse()
        content = response.read(MAX_ANSWER_BYTES)
        if not response.isclosed():
            self.close()
        after = response.getheader("retry-after") or ""
        return _Answer(response.status, float(after) if after.isdecimal() else 0.0, content)

    def _succeed(self) -> None:
        self.trouble, self.wait_seconds, self._failures = "", 0.0, 0

    def _fail(self, why: str, retry_after: float = 0.0) -> Outcome:
        self.trouble = f"cannot forward to {self._endpoint}: {why}"
        most = min(LONGEST_SECONDS, FIRST_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        # Jitter, so that a thousand hosts do not come back in the same second.
        self.wait_seconds = max(retry_after, most * random.uniform(0.5, 1.0))  # noqa: S311
        return Outcome.AGAIN


def _rejected(body: bytes) -> int:
    try:
        answer = ExportLogsServiceResponse.FromString(body)
    except DecodeError:
        return 0
    return max(0, answer.partial_success.rejected_log_records)
