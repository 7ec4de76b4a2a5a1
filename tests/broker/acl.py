"""Grants and revokes access at a broker, as `kafka-acls.sh` does; aiokafka has no call for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String

if TYPE_CHECKING:
    from collections.abc import Mapping

TOPIC: Final = 2
GROUP: Final = 3
ALL: Final = 2
READ: Final = 3
WRITE: Final = 4
DESCRIBE: Final = 8
DESCRIBE_CONFIGS: Final = 10
_LITERAL: Final = 3
_ALLOW: Final = 3
_TEXT: Final = String("utf-8")


class CreateAclsResponse(Response):  # type: ignore[misc]
    API_KEY = 30
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32), ("results", Array(("error_code", Int16), ("message", _TEXT)))
    )


class CreateAclsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 30
    API_VERSION = 1
    RESPONSE_TYPE = CreateAclsResponse
    SCHEMA = Schema(
        (
            "creations",
            Array(
                ("resource_type", Int8),
                ("resource_name", _TEXT),
                ("pattern_type", Int8),
                ("principal", _TEXT),
                ("host", _TEXT),
                ("operation", Int8),
                ("permission_type", Int8),
            ),
        )
    )


class CreateAcls(Request[CreateAclsStruct]):  # type: ignore[misc]
    API_KEY = 30

    def __init__(self, rules: list[tuple[Any, ...]]) -> None:
        self._rules = rules

    def build(self, request_struct_class: type[CreateAclsStruct]) -> CreateAclsStruct:
        return request_struct_class(self._rules)


class DeleteAclsResponse(Response):  # type: ignore[misc]
    API_KEY = 31
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "filters",
            Array(
                ("error_code", Int16),
                ("message", _TEXT),
                (
                    "matching",
                    Array(
                        ("error_code", Int16),
                        ("message", _TEXT),
                        ("resource_type", Int8),
                        ("resource_name", _TEXT),
                        ("pattern_type", Int8),
                        ("principal", _TEXT),
                        ("host", _TEXT),
                        ("operation", Int8),
                        ("permission_type", Int8),
                    ),
                ),
            ),
        ),
    )


class DeleteAclsStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 31
    API_VERSION = 1
    RESPONSE_TYPE = DeleteAclsResponse
    SCHEMA = CreateAclsStruct.SCHEMA


class DeleteAcls(Request[DeleteAclsStruct]):  # type: ignore[misc]
    API_KEY = 31

    def __init__(self, rules: list[tuple[Any, ...]]) -> None:
        self._rules = rules

    def build(self, request_struct_class: type[DeleteAclsStruct]) -> DeleteAclsStruct:
        return request_struct_class(self._rules)


async def grant(admin: Mapping[str, Any], user: str, *rules: tuple[int, str, int]) -> None:
    """Allow `user` operations on resources: (TOPIC or GROUP, name, READ or WRITE or …)."""
    response = await _send(admin, CreateAcls(_full(user, rules)))
    assert all(code == 0 for code, _ in response.results), response


async def revoke(admin: Mapping[str, Any], user: str, *rules: tuple[int, str, int]) -> None:
    """Take back what `grant` gave."""
    response = await _send(admin, DeleteAcls(_full(user, rules)))
    assert all(code == 0 and matching for code, _, matching in response.filters), response


def _full(user: str, rules: tuple[tuple[int, str, int], ...]) -> list[tuple[Any, ...]]:
    return [
        (kind, name, _LITERAL, f"User:{user}", "*", operation, _ALLOW)
        for kind, name, operation in rules
    ]


async def _send(admin: Mapping[str, Any], request: Any) -> Any:
    client = AIOKafkaClient(**admin)
    await client.bootstrap()
    try:
        return await client.send(client.get_random_node(), request)
    finally:
        await client.close()
