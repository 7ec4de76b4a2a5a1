"""What goes wrong is said in one line; signals end it; the other commands work beside it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.end_to_end.running import SIGHTLINE, Running, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ENDS_SECONDS = 60


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("standalone") / "data") as running:
        yield running


def run(
    *arguments: str, settings: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SIGHTLINE), *arguments],
        env=environment(settings),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=ENDS_SECONDS,
    )


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line it complains with; that it says it starts is no complaint."""
    assert done.returncode not in {0, None}
    assert done.returncode > 0, f"ended by a signal: {done.returncode}"
    lines = [line for line in done.stderr.splitlines() if "is starting" not in line]
    assert len(lines) == 1, done.stderr
    assert "Open " not in done.stdout
    return lines[0]


@contextmanager
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


@pytest.mark.parametrize(
    "setting", ["SIGHTLINE_API_PORT", "SIGHTLINE_OTLP_GRPC_PORT", "SIGHTLINE_OTLP_HTTP_PORT"]
)
def test_a_port_in_use_is_named_with_its_setting(setting: str, tmp_path: Path) -> None:
    with taken_port() as port:
        ports = {"SIGHTLINE_API_PORT": "0", setting: port}

        line = complaint(run("up", "--data-dir", str(tmp_path / "data"), settings=ports))

    assert f"cannot listen on 127.0.0.1:{port}" in line
    assert "in use" in line
    assert setting in line


def test_a_port_option_in_use_is_named_too(tmp_path: Path) -> None:
    with taken_port() as port:
        line = complaint(run("up", "--data-dir", str(tmp_path / "data"), "--port", port))

    assert f"cannot listen on 127.0.0.1:{port}" in line
    assert "--port" in line


def test_an_address_that_is_not_of_this_machine_is_refused(tmp_path: Path) -> None:
    line = complaint(
        run("up", "--data-dir", str(tmp_path / "data"), "--host", "192.0.2.1", "--port", "0")
    )

    assert "cannot listen on 192.0.2.1" in line


def test_a_host_that_is_no_address_is_refused(tmp_path: Path) -> None:
    line = complaint(
        run("up", "--data-dir", str(tmp_path / "data"), "--host", "no.such.invalid", "--port", "0")
    )

    assert "cannot listen on no.such.invalid" in line


def test_a_data_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")

    line = complaint(run("up", "--data-dir", str(tmp_path / "file" / "data"), "--port", "0"))

    assert f"cannot use data directory {tmp_path}/file/data" in line
    assert "Not a directory" in line


def test_a_data_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")

    line = complaint(run("up", "--data-dir", str(tmp_path / "file"), "--port", "0"))

    assert f"cannot use data directory {tmp_path}/file" in line


@pytest.mark.parametrize("part", ["store", "bus"])
def test_a_file_in_the_place_of_a_directory_of_ours_is_refused(part: str, tmp_path: Path) -> None:
    (tmp_path / part).write_text("not a directory")

    line = complaint(run("up", "--data-dir", str(tmp_path), "--port", "0"))

    assert str(tmp_path / part) in line


def test_a_second_process_on_the_same_data_is_refused_and_the_first_goes_on(
    running: Running,
) -> None:
    line = complaint(run("up", "--data-dir", str(running.data_dir), "--port", "0"))

    assert f"process {running.process.pid} is using it" in line
    assert running.get("/status")["ready"] is True


def test_an_unknown_setting_in_the_environment_is_refused(tmp_path: Path) -> None:
    line = complaint(run("up", settings={"SIGHTLINE_DATADIR": "x"}, cwd=tmp_path))

    assert "unknown environment variable SIGHTLINE_DATADIR" in line
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sightline.yaml").write_text("data_dri: x\n")

    assert "unknown setting 'data_dri'" in complaint(run("up", cwd=tmp_path))


@pytest.mark.parametrize("text", ["api_port: [1", "- api_port\n"], ids=["broken", "a list"])
def test_a_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "sightline.yaml").write_text(text)

    assert "sightline.yaml" in complaint(run("up", cwd=tmp_path))


def test_a_file_that_is_not_there_is_refused_when_it_was_named(tmp_path: Path) -> None:
    settings = {"SIGHTLINE_CONFIG": str(tmp_path / "missing.yaml")}

    assert "missing.yaml" in complaint(run("up", settings=settings))


def test_wrong_values_are_named_with_their_settings(tmp_path: Path) -> None:
    wrong = {
        "SIGHTLINE_API_PORT": "65536",
        "SIGHTLINE_BATCH_MAX_SECONDS": "nan",
        "SIGHTLINE_RETENTION_DAYS": "-1",
        "SIGHTLINE_TENANT": "Not A Tenant",
        "SIGHTLINE_DEMO_RATE": "fast",
    }

    line = complaint(run("up", settings=wrong, cwd=tmp_path))

    for setting, value in wrong.items():
        assert f"{setting.removeprefix('SIGHTLINE_').lower()}: " in line
        assert value in line


def test_a_wrong_value_in_the_file_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "sightline.yaml").write_text("retention_days: many\n")

    line = complaint(run("up", cwd=tmp_path))

    assert "retention_days" in line
    assert "many" in line


def test_wrong_options_are_refused_without_a_traceback(tmp_path: Path) -> None:
    for wrong in (["--port", "http"], ["--prot", "1"], ["surplus"]):
        done = run("up", *wrong, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert wrong[0] in done.stderr or wrong[-1] in done.stderr


def commands() -> list[str]:
    listed = run("--help").stdout
    found = ["up", "settings", "send", "migrate", "api", "collector"]
    assert all(f" {name} " in listed for name in found), listed
    return found


def test_the_help_of_every_command_shows_an_example() -> None:
    for name in commands():
        done = run(name, "--help")
        assert done.returncode == 0, done.stderr
        assert "Example: " in done.stdout, name
        assert f"sightline {name}" in done.stdout, name


def test_the_help_of_up_shows_what_is_used_when_nothing_is_said() -> None:
    shown = run("up", "--help").stdout
    for default in ("sightline-data", "127.0.0.1", "8420", "2"):
        assert f"[default: {default}]" in shown


def test_what_it_says_to_try_is_sent_to_its_own_port(running: Running) -> None:
    port = running.otlp_http.rpartition(":")[2]
    assert f"sightline send --endpoint http://localhost:{port}\n" in running.stdout


def test_sigterm_stores_what_was_acknowledged_or_keeps_it_for_the_next_start(
    tmp_path: Path,
) -> None:
    patient = {"SIGHTLINE_BATCH_MAX_SECONDS": "600"}
    with Running(tmp_path / "data", settings=patient) as first:
        sent = run("send", "--endpoint", first.otlp_http, "--output", "json")
        trace_id = json.loads(sent.stdout)["trace_id"]
        assert first.pending() == 3

    with Running(tmp_path / "data") as second:
        second.wait_drained()
        assert second.get(f"/traces/{trace_id}")["span_count"] == 3


def test_ctrl_c_ends_it_well_and_so_does_an_impatient_second_one(tmp_path: Path) -> None:
    running = Running(tmp_path / "data")
    running.process.send_signal(signal.SIGINT)
    running.wait_said("Stopping")
    try:
        os.kill(running.process.pid, signal.SIGINT)
    except ProcessLookupError:
        pytest.fail("it was gone before the second one")
    running.stop()
    assert running.stderr.splitlines()[-1].startswith("Stopping")


def test_a_signal_while_it_starts_ends_it_soon(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [str(SIGHTLINE), "up", "--data-dir", str(tmp_path / "data"), "--port", "0"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "is starting" in process.stderr.readline()

    process.send_signal(signal.SIGTERM)

    _, errors = process.communicate(timeout=ENDS_SECONDS)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def test_settings_prints_every_setting_with_its_value_and_variable() -> None:
    done = run("settings", "--output", "json", settings={"SIGHTLINE_RETENTION_DAYS": "7"})

    rows = {row["setting"]: row for row in json.loads(done.stdout)}
    assert rows["retention_days"]["value"] == 7
    assert rows["retention_days"]["environment"] == "SIGHTLINE_RETENTION_DAYS"
    assert all(row["meaning"] for row in rows.values())
    assert "SIGHTLINE_OTLP_GRPC_PORT" in run("settings").stdout


def test_what_send_sends_is_found(running: Running) -> None:
    done = run("send", "--endpoint", running.otlp_http, "--service", "hello", "--output", "json")

    told = json.loads(done.stdout)
    running.wait_drained()
    trace = running.get(f"/traces/{told['trace_id']}")
    assert trace["span_count"] == told["sent"]["traces"]
    assert trace["log_count"] == told["sent"]["logs"]
    assert {span["service"] for span in trace["spans"]} == {"hello"}


def test_migrate_says_what_it_applied_and_then_that_there_is_nothing(tmp_path: Path) -> None:
    settings = {"SIGHTLINE_DATA_DIR": str(tmp_path / "data")}

    applied = json.loads(run("migrate", "--output", "json", settings=settings).stdout)["applied"]
    again = run("migrate", settings=settings)

    assert applied[0].startswith("0001_")
    assert again.returncode == 0
    assert again.stdout.strip() == "nothing to apply"


def test_commands_that_need_the_data_say_who_has_it(running: Running) -> None:
    settings = {"SIGHTLINE_DATA_DIR": str(running.data_dir)}

    for command in ("migrate", "api"):
        line = complaint(run(command, settings=settings))
        assert f"process {running.process.pid} is using it" in line


def test_the_api_alone_names_a_port_in_use(tmp_path: Path) -> None:
    with taken_port() as port:
        line = complaint(run("api", "--data-dir", str(tmp_path), "--port", port))

    assert f"cannot listen on 127.0.0.1:{port}" in line
    assert "--port" in line


def test_the_api_alone_refuses_data_without_tables(tmp_path: Path) -> None:
    line = complaint(run("api", "--data-dir", str(tmp_path), "--port", "0"))

    assert "run `sightline migrate`" in line


def test_the_api_alone_says_which_port_it_has(tmp_path: Path) -> None:
    settings = {"SIGHTLINE_DATA_DIR": str(tmp_path)}
    assert run("migrate", settings=settings).returncode == 0
    process = subprocess.Popen(
        [str(SIGHTLINE), "api", "--port", "0"],
        env=environment(settings),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        assert "sightline_" in httpx.get(f"{address}/metrics").text
        assert httpx.get(f"{address}/api/v1/services").status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=ENDS_SECONDS)
    assert process.returncode == 0


@pytest.mark.parametrize(
    "part", ["sightline_standalone.standalone.keep_service_graph", "uvicorn.Server.main_loop"]
)
def test_a_part_that_ends_by_an_error_ends_everything_with_its_message(
    part: str, tmp_path: Path
) -> None:
    program = f"""
import asyncio
import sightline_core.cli, sightline_standalone.standalone, uvicorn
async def broken(_):
    await asyncio.sleep(2)
    raise RuntimeError("this part is broken")
{part} = broken
sightline_core.cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "up", "--data-dir", str(tmp_path), "--port", "0"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=ENDS_SECONDS,
    )
    assert "Open " in done.stdout
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("RuntimeError: this part is broken")
