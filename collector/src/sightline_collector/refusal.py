"""Why a request is refused, and how each protocol says so."""

from __future__ import annotations

from enum import Enum
from typing import Final

from google.protobuf import any_pb2, duration_pb2, json_format
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"


class Reason(Enum):
    """A kind of refusal: HTTP status, `google.rpc.Code`, and whether to try again.

    Of these only the last two are retryable for an OTLP client: RESOURCE_EXHAUSTED is, over gRPC,
    exactly when RetryInfo comes with it.
    """

    MALFORMED = (400, code_pb2.INVALID_ARGUMENT, False)
    NOT_FOUND = (404, code_pb2.NOT_FOUND, False)
    METHOD = (405, code_pb2.UNIMPLEMENTED, False)
    TIMEOUT = (408, code_pb2.DEADLINE_EXCEEDED, False)
    TOO_LARGE = (413, code_pb2.RESOURCE_EXHAUSTED, False)
    CONTENT_TYPE = (415, code_pb2.INVALID_ARGUMENT, False)
    ENCODING = (415, code_pb2.UNIMPLEMENTED, False)
    INTERNAL = (500, code_pb2.INTERNAL, False)
    OVERLOADED = (429, code_pb2.RESOURCE_EXHAUSTED, True)
    UNAVAILABLE = (503, code_pb2.UNAVAILABLE, True)

    def __init__(self, http_status: int, code: int, retryable: bool) -> None:  # noqa: FBT001
        """Unpack the table."""
        self.http_status = http_status
        self.code = code
        self.retryable = retryable


class Refusal(Exception):  # noqa: N818 - an answer, not an accident
    """Ends the handling of a request; the client reads the message.

    Attributes:
        retry_after: seconds to wait before trying again; None for refusals that are final.
    """

    def __init__(self, reason: Reason, message: str, *, retry_after: int = 1) -> None:
        """Refuse for `reason`; `retry_after` counts for retryable reasons only."""
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after if reason.retryable else None

    def status(self) -> status_pb2.Status:
        """Return the body that OTLP asks for, with RetryInfo when trying again makes sense."""
        status = status_pb2.Status(code=self.reason.code, message=str(self))
        if self.retry_after is not None:
            detail = any_pb2.Any()
            detail.Pack(
                error_details_pb2.RetryInfo(
                    retry_delay=duration_pb2.Duration(seconds=self.retry_after)
                )
            )
            status.details.append(detail)
        return status


def encode(message: object, content_type: str) -> bytes:
    """Return a protobuf message in the content type of the request."""
    if content_type == JSON:
        return json_format.MessageToJson(message, indent=None).encode()  # type: ignore[arg-type]
    body: bytes = message.SerializeToString()  # type: ignore[attr-defined]
    return body
