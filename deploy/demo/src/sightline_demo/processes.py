"""Forks the shop's processes from one that has imported everything, and forks them anew on a crash.

Forked processes share the memory of the imported libraries, which is most of what they use, and
start in milliseconds. The forking process itself has one thread and no telemetry.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import sightline
from sightline_demo import (
    broker,
    cart,
    catalog,
    inventory,
    load,
    notifications,
    payment,
    shipping,
    storefront,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sightline_demo.addresses import Addresses

OBSERVED = {
    "storefront": storefront.run,
    "catalog": catalog.run,
    "cart": cart.run,
    "inventory": inventory.run,
    "payment": payment.run,
    "shipping": shipping.run,
    "notifications": notifications.run,
}
STOP_SECONDS = 4.0
LONGEST_PAUSE = 30.0
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15


def programs(addresses: Addresses, endpoint: str, rate: float) -> dict[str, Callable[[], None]]:
    """Return what each process runs, by name."""
    observed = {
        name: partial(_observed, name, partial(run, addresses), endpoint)
        for name, run in OBSERVED.items()
    }
    return {
        "broker": partial(broker.run, addresses),
        **observed,
        "shoppers": partial(load.run, addresses, rate),
    }


def _observed(name: str, run: Callable[[], None], endpoint: str) -> None:
    """Run a service the way its author would: configure, serve; the SDK flushes at the end."""
    sightline.configure(
        service=name, version="1.4.2", environment="demo", endpoint=endpoint, console="none"
    )
    try:
        run()
    finally:
        sightline.shutdown()


@dataclass
class Nursery:
    """The running processes."""

    programs: Mapping[str, Callable[[], None]]
    pids: dict[int, str] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)
    """When a program that ended starts again, on the monotonic clock."""
    crashes: dict[str, int] = field(default_factory=dict)

    def start(self) -> None:
        """Start everything."""
        gc.collect()
        gc.freeze()  # a collection in a child must not copy the shared pages
        self.due = dict.fromkeys(self.programs, 0.0)
        self._start_due()

    def watch(self, parent: int) -> None:
        """Start again what ends; end everything when `parent` is closed or on a signal.

        Args:
            parent: a file descriptor that ends when the starting process does.
        """
        wake_up, notify = os.pipe()
        for end in (wake_up, notify):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(notify)
        stopping = _Stopping()
        self._reap()
        while not stopping.wanted:
            self._start_due()
            pause = min(self.due.values(), default=time.monotonic() + 60) - time.monotonic()
            ready, _, _ = select.select([wake_up, parent], [], [], max(0.0, pause))
            if wake_up in ready:
                os.read(wake_up, 4096)
            if parent in ready and not os.read(parent, 4096):
                break
            self._reap()
        self._stop()

    def _start_due(self) -> None:
        now = time.monotonic()
        for name in [name for name, moment in self.due.items() if moment <= now]:
            del self.due[name]
            self.pids[_fork(name, self.programs[name])] = name

    def _reap(self) -> None:
        for pid, status in _ended():
            name = self.pids.pop(pid)
            count = self.crashes[name] = self.crashes.get(name, 0) + 1
            pause = min(LONGEST_PAUSE, 0.5 * 2 ** min(count - 1, 10))
            self.due[name] = time.monotonic() + pause
            code = os.waitstatus_to_exitcode(status)
            print(f"demo: {name} ended with {code}, again in {pause:g} s", file=sys.stderr)  # noqa: T201

    def _stop(self) -> None:
        for sign, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 1.0)):
            for pid in self.pids:
                os.kill(pid, sign)
            deadline = time.monotonic() + seconds
            while self.pids and time.monotonic() < deadline:
                for pid, _ in _ended():
                    self.pids.pop(pid)
                time.sleep(0.02)


class _Stopping:
    """Turns the signals that end a process into a wish; the wake-up descriptor tells the loop."""

    def __init__(self) -> None:
        self.wanted = False
        signal.signal(signal.SIGTERM, self._want)
        signal.signal(signal.SIGINT, self._want)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _want(self, *_: Any) -> None:
        self.wanted = True


def _ended() -> list[tuple[int, int]]:
    """Return process id and wait status of the children that ended."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found.append((pid, status))


def _fork(name: str, program: Callable[[], None]) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # until the child is ready for it
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(name, program, parent)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    return pid


def _become(name: str, program: Callable[[], None], parent: int) -> NoReturn:
    """Be a child: run the program and end without returning into the parent's code."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above: no signal will come
            sys.exit(1)
        libc.prctl(PR_SET_NAME, name.encode())  # what `ps` and `top` show
        program()
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last frame of this process: say why it ends
        print(f"demo: {name} failed", file=sys.stderr)  # noqa: T201
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
