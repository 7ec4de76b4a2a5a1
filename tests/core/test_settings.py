"""Settings come from the environment, the file and defaults; what is unknown is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sightline_core.errors import ConfigError
from sightline_core.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file in the working directory, no variable of the developer's."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SIGHTLINE_{name.upper()}", raising=False)
    monkeypatch.delenv("SIGHTLINE_CONFIG", raising=False)


def refusal(**overrides: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(**overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_defaults_bind_loopback_and_the_standard_ports() -> None:
    settings = load_settings()
    assert settings.host == "127.0.0.1"
    assert (settings.otlp_grpc_port, settings.otlp_http_port, settings.api_port) == (
        4317,
        4318,
        8420,
    )


def test_arguments_win_over_the_environment_over_the_file_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sightline.yaml").write_text("api_port: 1\notlp_http_port: 2\notlp_grpc_port: 3\n")
    monkeypatch.setenv("SIGHTLINE_API_PORT", "11")
    monkeypatch.setenv("SIGHTLINE_OTLP_HTTP_PORT", "12")
    settings = load_settings(api_port=111, otlp_http_port=None)
    assert (settings.api_port, settings.otlp_http_port, settings.otlp_grpc_port) == (111, 12, 3)
    assert settings.host == "127.0.0.1"


def test_the_file_named_in_the_environment_is_read_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sightline.yaml").write_text("api_port: 1\n")
    (tmp_path / "other.yaml").write_text("host: 127.0.0.2\n")
    monkeypatch.setenv("SIGHTLINE_CONFIG", str(tmp_path / "other.yaml"))
    settings = load_settings()
    assert (settings.host, settings.api_port) == ("127.0.0.2", 8420)


def test_a_named_file_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_CONFIG", "nowhere.yaml")
    assert "SIGHTLINE_CONFIG names nowhere.yaml" in refusal()


def test_an_unknown_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_API_PROT", "1")
    assert "unknown environment variable SIGHTLINE_API_PROT" in refusal()


def test_an_unknown_key_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "sightline.yaml").write_text("api_prot: 1\n")
    assert "unknown setting 'api_prot'" in refusal()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_PORT", "65536"),
        ("API_PORT", "http"),
        ("BATCH_MAX_SECONDS", "0"),
        ("TENANT", "Über"),
        ("RETENTION_DAYS", "-1"),
        ("BUS_PARTITIONS", "1.5"),
    ],
)
def test_a_wrong_value_is_shown_with_its_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SIGHTLINE_{name}", value)
    message = refusal()
    assert name.lower() in message
    assert value in message


def test_several_problems_are_told_at_once() -> None:
    message = refusal(api_port=-1, retention_days=0)
    assert "api_port" in message
    assert "retention_days" in message


@pytest.mark.parametrize(
    "content", ["- a list\n", "api_port: [\n", "just text\n", "\x00", "api_port: 1\n  host: x\n"]
)
def test_a_file_that_is_not_a_mapping_is_one_clear_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "sightline.yaml").write_text(content)
    assert "sightline.yaml" in refusal()


def test_a_file_that_is_not_text_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "sightline.yaml").write_bytes(b"host: \xff\xfe\n")
    assert "sightline.yaml" in refusal()


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    (tmp_path / "sightline.yaml").write_text("")
    assert load_settings().host == "127.0.0.1"


@pytest.mark.parametrize("name", ["nan", "inf", "-inf"])
def test_times_are_finite(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTLINE_ACCEPT_FUTURE_SECONDS", name)
    assert "accept_future_seconds" in refusal()


def test_settings_cannot_be_changed_by_whoever_holds_them() -> None:
    settings, name = load_settings(), "api_port"
    with pytest.raises(ValueError, match="frozen"):
        setattr(settings, name, 1)


def test_every_setting_is_explained() -> None:
    fields = Settings.model_fields
    assert not [name for name, field in fields.items() if not field.description]
