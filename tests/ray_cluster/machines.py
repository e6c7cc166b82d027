"""A Ray cluster of several nodes on this machine, for commands that run beside it, and a killer of its nodes."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_STORE = 100_000_000
_DEADLINE = 1800.0


class Machines:
    """Nodes of one core each; the head has none, since a cluster does not survive it."""

    def __init__(self, count: int) -> None:
        from ray.cluster_utils import Cluster

        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        head = {"num_cpus": 0, "object_store_memory": _STORE, "include_dashboard": False}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        self._nodes = [self._add() for _ in range(count)]

    @property
    def address(self) -> str:
        """What `--ray-address` takes."""
        return str(self._cluster.address)

    def _add(self) -> Any:
        return self._cluster.add_node(num_cpus=1, object_store_memory=_STORE)

    def kill(self) -> None:
        """Kill a node, with everything that runs on it, and say nothing to anybody."""
        self._cluster.remove_node(self._nodes.pop(0), allow_graceful=False)

    def replace(self) -> None:
        """Add a node."""
        self._nodes.append(self._add())

    def close(self) -> None:
        """End them all."""
        self._cluster.shutdown()


@contextmanager
def machines(count: int) -> Iterator[Machines]:
    """Start nodes that end with the block."""
    started = Machines(count)
    try:
        yield started
    finally:
        started.close()


def wait_until(is_so: Callable[[], bool], what: str, has_ended: Callable[[], bool] = lambda: False) -> None:
    """Wait for something.

    Args:
        is_so: whether it has come.
        what: says that it has not.
        has_ended: whether nothing can come any more.

    Raises:
        TimeoutError: it does not come.
    """
    until = time.monotonic() + _DEADLINE
    while not is_so():
        if time.monotonic() > until or has_ended():
            raise TimeoutError(what)
        time.sleep(0.1)


def clean_environment(**more: str) -> Mapping[str, str]:
    """The environment for a command, without a cluster of the person who runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {**kept, "RAY_USAGE_STATS_ENABLED": "0", **more}
