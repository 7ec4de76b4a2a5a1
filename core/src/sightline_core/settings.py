"""Settings: environment `SIGHTLINE_…` over `sightline.yaml` over defaults; unknown is an error."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from sightline_core.errors import ConfigError

ENV_PREFIX = "SIGHTLINE_"
OTHER_VARIABLES = frozenset({"SIGHTLINE_CONFIG", "SIGHTLINE_CHROMIUM", "SIGHTLINE_API_ENDPOINT"})
"""Variables with our prefix that are not settings."""

TopicName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]


class Settings(BaseSettings):
    """Everything that can be set, for all components.

    Sizes are bytes, times are seconds. A field `otlp_grpc_port` is `SIGHTLINE_OTLP_GRPC_PORT` in
    the environment and `otlp_grpc_port:` in the file.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    data_dir: Path = Path("sightline-data")
    """Where the embedded store and bus keep their files."""
    host: str = "127.0.0.1"
    """Address that every port binds to. Anything but loopback opens Sightline to the network."""
    api_port: int = Field(8420, ge=0, le=65535)
    """Query API and web UI. 0 takes any free port."""
    api_allowed_hosts: tuple[str, ...] = ()
    """Names that the API may be asked by, besides `localhost`, `host` and addresses: those that a
    proxy or your DNS has for it, ["sightline.example.com"]; ["*"]: any, which lets foreign pages in
    that point their name here."""
    otlp_grpc_port: int = Field(4317, ge=0, le=65535)
    """OTLP over gRPC. 0 takes any free port."""
    otlp_http_port: int = Field(4318, ge=0, le=65535)
    """OTLP over HTTP. 0 takes any free port."""

    clickhouse_url: SecretStr | None = None
    """A ClickHouse to use instead of the embedded engine: http(s)://user:password@host:8123/db."""
    clickhouse_http_port: int | None = Field(None, ge=0, le=65535)
    """Serves the embedded engine over ClickHouse's HTTP interface; off unless set; 0: any port."""
    clickhouse_http_password: SecretStr = SecretStr("")
    """Password of the user `default` there. Needed to bind to anything but loopback."""
    clickhouse_http_writable: bool = False
    """Whether `sightline up` lets clients of that port write. `sightline store` always does."""
    clickhouse_http_max_queries: int = Field(16, ge=1, le=256)
    """Statements that the port runs at once; one more is refused with code 202."""
    clickhouse_http_max_seconds: float = Field(60.0, gt=0, le=86400)
    """Longest that a read over that port may run."""
    clickhouse_http_max_body_bytes: int = Field(1 << 30, ge=1 << 20)
    """Largest body that the port takes, after decompression."""

    tenant: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    """Tenant that unauthenticated data belongs to."""

    max_request_bytes: int = Field(64 << 20, ge=1 << 10)
    """Largest OTLP request, measured after decompression; above it: 413, RESOURCE_EXHAUSTED."""
    max_inflight_bytes: int = Field(256 << 20, ge=1 << 20)
    """Request bytes that the collector holds at once; above it: 429 with Retry-After."""

    self_report_seconds: float = Field(10.0, gt=0, le=3600)
    """How often a collector says what it counted, if anything changed; the ledger reads it."""
    ledger_settle_seconds: float = Field(15.0, ge=0, le=3600)
    """How long after its time a message may still be on its way to the bus; then it is missing."""

    bus: Literal["embedded", "kafka"] = "embedded"
    """Where messages wait: one file in `data_dir`, or Kafka (docs/kafka.md)."""
    bus_partitions: int = Field(2, ge=1, le=1024)
    """Partitions of each topic that Sightline creates."""
    bus_max_message_bytes: int = Field(8 << 20, ge=64 << 10, le=512 << 20)
    """Largest message on the embedded bus; larger requests are split by records."""
    bus_retention_bytes: int = Field(2 << 30, ge=1 << 20)
    """Processed messages beyond this size are removed from the embedded bus, oldest first."""
    bus_retention_seconds: float = Field(24 * 3600, gt=0)
    """Processed messages older than this are removed from the embedded bus."""
    dead_letter_retention_seconds: float = Field(30 * 86400, gt=0)
    """Dead letters older than this are removed from the embedded bus."""
    dead_letter_topics: dict[TopicName, TopicName] = {}
    """Dead-letter topics of your own applications, each with the topic that its messages came from
    and are sent again to: {"orders.dlq": "orders"}."""
    bus_max_bytes: int = Field(16 << 30, ge=1 << 20)
    """Size of the embedded bus at which new data is refused with back-pressure, never dropped."""

    kafka_bootstrap_servers: str = "127.0.0.1:9092"
    """`host:port` of some of Kafka's brokers, separated by commas."""
    kafka_tls: bool = False
    """Talk TLS to Kafka; the system's authorities are trusted unless `kafka_ssl_ca_file` is set."""
    kafka_ssl_ca_file: Path | None = None
    """Certificate of the authority that signed the brokers' certificates, PEM; turns TLS on."""
    kafka_ssl_cert_file: Path | None = None
    """Certificate to show to Kafka, PEM, with the key in it or in `kafka_ssl_key_file`."""
    kafka_ssl_key_file: Path | None = None
    """Private key of `kafka_ssl_cert_file`, PEM."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    """How to log in to Kafka; not at all unless set."""
    kafka_sasl_username: str | None = None
    """User of `kafka_sasl_mechanism`."""
    kafka_sasl_password: SecretStr | None = None
    """Password of `kafka_sasl_username`."""
    kafka_create_topics: bool = True
    """Make missing topics. Off: they must exist, and are only checked."""
    kafka_replication_factor: int = Field(-1, ge=-1, le=16)
    """Replicas of each topic that Sightline makes; -1: what the cluster is set to."""
    kafka_max_message_bytes: int = Field(1_000_000, ge=64 << 10, le=96 << 20)
    """Largest message on Kafka; larger requests are split by records."""
    kafka_retention_seconds: float = Field(7 * 86400, gt=0)
    """How long Kafka keeps messages, processed or not, in topics that Sightline makes."""
    kafka_group_instance_id: str | None = Field(None, min_length=1, max_length=249)
    """Static membership: one name a process; a quick restart is then no rebalance."""
    kafka_session_timeout_seconds: float = Field(30, ge=0.5, le=1800)
    """A pipeline that Kafka does not hear of for this long loses its partitions."""
    kafka_max_poll_seconds: float = Field(300, ge=1, le=86400)
    """A pipeline that does not ask for messages for this long loses its partitions."""
    kafka_stall_seconds: float = Field(60, ge=0.1, le=3600)
    """A consumer that gets nothing for this long although messages wait is built anew."""
    kafka_send_timeout_seconds: float = Field(30, gt=0, le=600)
    """How long the collector waits for Kafka before it answers 503."""

    batch_max_bytes: int = Field(32 << 20, ge=1 << 10)
    """The pipeline inserts a batch when it holds this much..."""
    batch_max_seconds: float = Field(1.0, gt=0, le=600)
    """...or when its oldest message has waited this long."""
    pipeline_inserts_in_flight: int = Field(2, ge=1, le=64)
    """Batches that one pipeline process has in the store's hands at once."""
    pipeline_max_bytes: int = Field(256 << 20, ge=1 << 20)
    """Messages that one pipeline process holds in memory; above it, it reads no more for now."""
    pipeline_drain_seconds: float = Field(20, gt=0, le=280)
    """How long a pipeline that stops, or loses a partition, waits for the insert under way."""
    flood_in_a_row: int = Field(100, ge=0)
    """So many invalid messages without a valid one between them pause their partition; 0: never."""
    flood_share: float = Field(0.5, gt=0, le=1)
    """So do that many within `flood_window_seconds`, if they are more than this share of all."""
    flood_window_seconds: float = Field(60, gt=0, le=3600)
    """How far back `flood_share` looks."""
    health_port: int = Field(0, ge=0, le=65535)
    """/healthz, /readyz and /metrics of a process. 0 takes any free port."""
    accept_past_seconds: float = Field(30 * 86400, gt=0, le=90 * 86400)
    """Records older than this at arrival go to quarantine (`timestamp_too_old`)."""
    accept_future_seconds: float = Field(3600, ge=0, le=86400)
    """Records further ahead than this at arrival go to quarantine (`timestamp_in_future`)."""

    agent_files: tuple[str, ...] = ()
    """Log files that `sightline agent` follows, absolute paths with wildcards:
    ["/var/log/shop/*.log"]. Leave copies that a rotation makes out of it (docs/agent.md)."""
    agent_endpoint: str = Field("http://127.0.0.1:4318", pattern=r"^https?://[^/?#@]+$")
    """OTLP/HTTP address that the agent forwards to."""
    agent_attributes: dict[str, str] = {}
    """Resource attributes of all that the agent reads: {"service.name": "shop"}."""
    agent_spool_max_bytes: int = Field(1 << 30, ge=1 << 20)
    """Size of what waits in `data_dir`/agent.sqlite; when reached, the agent stops reading files
    until there is room: nothing is dropped."""
    agent_spool_max_seconds: float = Field(7 * 86400, gt=0)
    """What could not be sent for this long is dropped, and counted."""

    retention_days: int = Field(30, ge=1, le=3650)
    """Days that spans, logs and metric points are kept."""
    demo_rate: float = Field(2.0, gt=0, le=200)
    """Requests a second that the demo's load generator sends."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, file."""
        file = YamlConfigSettingsSource(settings_cls, yaml_file=_file())
        return init_settings, env_settings, file


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `overrides` that are not None win over everything.

    Raises:
        ConfigError: an unknown or wrong setting, named with where it came from.
    """
    _refuse_unreadable_file()
    _refuse_unknown_variables()
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors())
        raise ConfigError(f"cannot use settings: {problems}") from error
    except ValueError as error:
        raise ConfigError(f"cannot read settings: {error}") from error


def _file() -> Path:
    return Path(os.environ.get("SIGHTLINE_CONFIG") or "sightline.yaml")


def _refuse_unreadable_file() -> None:
    file = _file()
    if not file.is_file():
        if os.environ.get("SIGHTLINE_CONFIG"):
            raise ConfigError(
                f"cannot read settings: SIGHTLINE_CONFIG names {file}, which is no file"
            )
        return
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise ConfigError(f"cannot read settings from {file}: {why}") from error
    if not isinstance(content, dict | None):
        raise ConfigError(f"cannot read settings from {file}: it must hold `name: value` lines")


def _refuse_unknown_variables() -> None:
    known = {f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields} | OTHER_VARIABLES
    unknown = sorted(
        name for name in os.environ if name.startswith(ENV_PREFIX) and name not in known
    )
    if unknown:
        raise ConfigError(
            f"cannot use settings: unknown environment variable {', '.join(unknown)} "
            "(see `sightline settings` for those there are)"
        )


def _explain(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown setting {name!r}"
    return f"{name}: {problem['msg']} (got {problem['input']!r})"
