"""Workers that are forked: each sends its own telemetry, at the latest when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sightline.testing import Receiver

    RunPython = Callable[..., str]


def test_a_worker_of_multiprocessing_sends_what_waits_when_it_ends(
    receiver: Receiver, run_python: RunPython
) -> None:
    program = f"""
import multiprocessing, sightline
def work(number):
    with sightline.span(f"work {{number}}"):
        sightline.get_logger("worker").info("working", number=number)
sightline.configure(service="pool", endpoint="{receiver.endpoint}", console="none")
workers = [multiprocessing.get_context("fork").Process(target=work, args=(n,)) for n in range(3)]
for worker in workers: worker.start()
for worker in workers: worker.join()
assert [worker.exitcode for worker in workers] == [0, 0, 0]
"""
    run_python(program, OTEL_BSP_SCHEDULE_DELAY="600000", OTEL_BLRP_SCHEDULE_DELAY="600000")

    assert {span.name for span in receiver.spans()} == {"work 0", "work 1", "work 2"}
    assert {log.attributes["number"] for log in receiver.logs()} == {0, 1, 2}
    assert len({span.resource["service.instance.id"] for span in receiver.spans()}) == 3


def test_workers_forked_from_a_busy_process_do_not_hang(
    receiver: Receiver, run_python: RunPython
) -> None:
    # Whatever lock another thread holds at the moment of the fork stays locked in the child.
    program = f"""
import os, sys, threading, sightline
sys.setswitchinterval(1e-5)
sightline.configure(service="busy", endpoint="{receiver.endpoint}", console="json")
log = sightline.get_logger("busy")
def work(name):
    with sightline.span(name):
        log.info("working", secret="x", number=os.getpid())
stop = threading.Event()
def busy():
    while not stop.is_set(): work("in the parent")
threads = [threading.Thread(target=busy, daemon=True) for _ in range(4)]
for thread in threads: thread.start()
for number in range(40):
    child = os.fork()
    if child == 0:
        import faulthandler
        faulthandler.dump_traceback_later(10, exit=True)
        work(f"in child {{number}}")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, number
stop.set()
for thread in threads: thread.join()
os._exit(0)
"""
    run_python(program)


def test_a_forked_worker_sends_over_a_connection_of_its_own(
    receiver: Receiver, run_python: RunPython
) -> None:
    program = f"""
import os, sightline
def sockets():
    links = []
    for name in os.listdir("/proc/self/fd"):
        try: links.append(os.readlink(f"/proc/self/fd/{{name}}"))
        except OSError: pass
    return {{link for link in links if link.startswith("socket:")}}
sightline.configure(service="server", endpoint="{receiver.endpoint}", console="none")
with sightline.span("in the parent"): pass
assert sightline.flush()
before = sockets()
assert before
if os.fork() == 0:
    with sightline.span("in the child"): pass
    assert sightline.flush()
    os._exit(0 if len(sockets() - before) >= len(before) else 1)
assert os.wait()[1] == 0
"""
    run_python(program)

    assert {span.name for span in receiver.spans()} == {"in the parent", "in the child"}
