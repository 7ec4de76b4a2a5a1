"""What a fork leaves behind: locks that nobody will release, connections that two processes use."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LAST: Final = -1000
_LOCKS: Final = (type(threading.Lock()), type(threading.RLock()))
_LOOKED_INTO: Final = ("opentelemetry", "sightline", "requests", "threading")
_MOST_OBJECTS: Final = 100_000


def whole_over_forks(lock: threading.RLock) -> threading.RLock:
    """Return the lock; forks wait for it: a child finds it free, and what it guards whole."""
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )
    return lock


def close_in_workers(close: Callable[[], object]) -> None:
    """Call `close` when a forked worker of a process pool ends.

    Workers of multiprocessing, and of billiard, which is Celery's and uses the same registry, end
    without exit handlers, but call finalizers.
    """
    from multiprocessing import util  # noqa: PLC0415 - `import sightline` does without

    util.register_after_fork(close, lambda _: util.Finalize(None, close, exitpriority=_LAST))


class Renewal:
    """Makes OpenTelemetry's objects usable in a child that is forked from a busy process.

    A lock that another thread held at the fork would stay locked for ever, and child and parent
    would send over one connection. To be made before these objects are, because what they do
    themselves after a fork starts threads.
    """

    def __init__(self) -> None:
        """Renew nothing yet."""
        self.roots: list[object] = []
        """Objects to renew, with all that they consist of."""
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        seen: set[int] = set()
        waiting: list[Any] = list(self.roots)
        while waiting and len(seen) < _MOST_OBJECTS:
            one = waiting.pop()
            if id(one) not in seen:
                seen.add(id(one))
                waiting.extend(_renewed(one))


def _renewed(one: Any) -> Iterable[Any]:
    """Renew one object; return those that it consists of."""
    kind: type[object] = one.__class__
    if kind in _LOCKS:
        one._at_fork_reinit()  # noqa: SLF001 - as the standard library does with its own
        return ()
    if issubclass(kind, dict):
        return list(one.values())
    if issubclass(kind, (list, tuple, set, frozenset)):
        return list(one)
    module = kind.__module__
    if module == "requests.adapters":  # a pool of connections: the child makes its own
        one.init_poolmanager(one._pool_connections, one._pool_maxsize)  # noqa: SLF001
        return ()
    if module.partition(".")[0] not in _LOOKED_INTO or isinstance(one, threading.Thread):
        return ()
    return list(getattr(one, "__dict__", {}).values())
