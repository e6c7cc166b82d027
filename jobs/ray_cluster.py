"""A Ray cluster: connected to, or started on this machine; every machine is looked at before the first job.

Ray is imported when a cluster is opened. It brings telemetry, a dashboard, its own handler of SIGTERM and messages on
standard output; all of them are off here.
"""

import importlib.util
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from evokd.jobs.node import NodeProgram, NodeServer, check_node
from evokd.messages import EvokdError, InputError
from evokd.messages.cores import count_cores
from evokd.messages.loopback import HOST

_STORE = 100_000_000
"""Bytes of the object store of a cluster on this machine: only small messages pass through it."""
_DIAL = 5.0
"""Seconds in which an address must take a connection; Ray itself would try for minutes."""
_CHECK = 300.0
"""Seconds in which every machine must have been looked at."""
_NOTICE = 90.0
"""Seconds after which a cluster has noticed that a machine went away."""
_NOISY_THREAD = "ray_listen_error_messages"
"""The thread in which Ray prints what its daemons say to standard output."""
_SHOWN = 300
_SHARE_DIGITS = 4
"""Decimals of a share of a GPU."""
_ROUNDING = 1e-6
"""What a quotient of floats may lie below the whole number that it stands for: five workers of .2 GPUs share one."""


@dataclass(frozen=True)
class RayOptions:
    """Which cluster, and what a worker takes of it."""

    address: str | None = None
    """HOST:PORT, or `auto` for the cluster that this machine belongs to; None: RAY_ADDRESS, or a new one here."""
    gpus: float = 0.0
    """GPUs of a worker; .5: two share one."""

    def __post_init__(self) -> None:
        """Refuse what Ray does not hand out.

        Raises:
            InputError: the number of GPUs is neither a share of one nor whole.
        """
        is_share = 0 <= self.gpus <= 1 and round(self.gpus, _SHARE_DIGITS) == self.gpus
        if not is_share and not (self.gpus > 1 and float(self.gpus).is_integer()):
            mend = f"write a share of one, such as 0.5, with {_SHARE_DIGITS} decimals at most, or a whole number"
            raise InputError(f"--ray-gpus {self.gpus:g}: Ray hands out no such number of GPUs; {mend}")


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    id: str
    name: str
    """Its address."""
    cpus: float
    gpus: float


class RayCluster:
    """A cluster that is open."""

    def __init__(self, ray: Any, is_own: bool, gpus: float) -> None:
        self._ray = ray
        self._gpus = gpus
        self.is_own = is_own
        """Whether it was started here and ends with the command."""

    def list_nodes(self) -> list[Node]:
        """List the machines that are alive."""
        found = []
        for record in self._ray.nodes():
            has = record.get("Resources", {})
            if record["Alive"]:
                name = str(record["NodeManagerAddress"])
                found.append(Node(str(record["NodeID"]), name, has.get("CPU", 0.0), has.get("GPU", 0.0)))
        return found

    def find_host(self) -> str:
        """Find the address of this machine, as the other machines know it."""
        own = self._ray.get_runtime_context().get_node_id()
        return next((node.name for node in self.list_nodes() if node.id == own and not self.is_own), HOST)

    def describe(self) -> str:
        """Say in one line what it is."""
        nodes = [node for node in self.list_nodes() if node.cpus]
        cpus = sum(node.cpus for node in nodes)
        many = "1 machine" if len(nodes) == 1 else f"{len(nodes)} machines"
        start = "Ray: started on this machine" if self.is_own else f"Ray: a cluster of {many}"
        return f"{start}, {_count(cpus, 'core')}"

    def count_slots(self, cpus: int) -> int:
        """Count the workers that have room, each with so many cores and the GPUs asked for.

        Raises:
            InputError: there is room for none.
        """
        slots = 0
        for node in self.list_nodes():
            by_gpu = node.gpus / self._gpus + _ROUNDING if self._gpus else float("inf")
            slots += int(min(node.cpus // cpus, by_gpu))
        if not slots:
            wanted = _count(cpus, "core") + (f" and {_count(self._gpus, 'GPU')}" if self._gpus else "")
            raise InputError(f"--on ray: no machine of the cluster has {wanted}; ask for less, or add machines")
        return slots

    def check_nodes(self, program: NodeProgram) -> None:
        """Let every machine say whether it can do the jobs, before any is done.

        Raises:
            EvokdError: a machine does not answer.
            InputError: names a machine that cannot, and why.
        """
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        nodes = [node for node in self.list_nodes() if node.cpus]
        look = self._ray.remote(num_cpus=0, max_retries=0)(check_node)
        asked = []
        for node in nodes:
            there = NodeAffinitySchedulingStrategy(node_id=node.id, soft=False)
            asked.append(look.options(scheduling_strategy=there).remote(program))
        for node, ref in zip(nodes, asked, strict=True):
            problem = self._hear(node, ref)
            if problem is not None:
                raise InputError(f"machine {node.name}: {problem}")

    def _hear(self, node: Node, ref: Any) -> str | None:
        """Give what a machine says; None as well where it went away, which a cluster notices late.

        Raises:
            EvokdError: it does not answer.
        """
        errors = self._ray.exceptions
        try:
            found: str | None = self._ray.get(ref, timeout=_CHECK)
            return found
        except errors.GetTimeoutError as exc:
            raise EvokdError(f"machine {node.name}: no answer within {_CHECK:g} s; look at it, or remove it") from exc
        except errors.RayTaskError as exc:
            mend = f"it needs this version of evokd and Python {sys.version_info[0]}.{sys.version_info[1]}"
            raise EvokdError(f"machine {node.name}: {shorten(exc)}; {mend}") from exc
        except errors.RayError as exc:
            if self._is_alive_after(node, _NOTICE):
                raise EvokdError(f"machine {node.name}: {shorten(exc)}; look at it, or remove it") from exc
            return None

    def _is_alive_after(self, node: Node, seconds: float) -> bool:
        """Whether the cluster still counts a machine in after some seconds."""
        until = time.monotonic() + seconds
        while any(other.id == node.id for other in self.list_nodes()):
            if time.monotonic() > until:
                return True
            time.sleep(0.5)
        return False

    def start_server(self, program: NodeProgram, cpus: int) -> Any:
        """Start a worker as an actor; it waits until a machine has room. Give its handle."""
        kind = self._ray.remote(num_cpus=cpus, num_gpus=self._gpus, max_restarts=0)(NodeServer)
        return kind.remote(program)


@contextmanager
def open_cluster(options: RayOptions) -> Iterator[RayCluster]:
    """Connect to a cluster, or start one on this machine that ends with the block.

    Raises:
        InputError: ray is not installed, or no cluster answers at the address.
    """
    if importlib.util.find_spec("ray") is None:
        raise InputError("--on ray needs the package ray: pip install 'evokd[ray]'")
    address = options.address or os.environ.get("RAY_ADDRESS") or None
    source = "RAY_ADDRESS" if options.address is None else "--ray-address"
    if address is not None:
        _check_address(address, source)
    elif "RAY_AUTH_MODE" not in os.environ:
        # Ray listens on all addresses of this machine, and whoever is let in may run anything
        os.environ.update({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)})
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # else Ray keeps what its daemons say, and writes it to standard output at the end
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    import ray

    was_open = ray.is_initialized()
    before = signal.getsignal(signal.SIGTERM)
    with _silence(_NOISY_THREAD):
        if not was_open:
            _connect(ray, address, source)
        try:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, before)  # Ray's own would end the command without closing anything
            yield RayCluster(ray, address is None and not was_open, options.gpus)
        finally:
            if not was_open:
                ray.shutdown()


def _connect(ray: Any, address: str | None, source: str) -> None:
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is None:
            ray.init("local", num_cpus=count_cores(), include_dashboard=False, object_store_memory=_STORE, **common)
        else:
            ray.init(address, **common)
    except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as exc:
        if address == "auto" and isinstance(exc, ConnectionError):
            mend = "start one with `ray start --head`, or leave --ray-address and RAY_ADDRESS out"
            raise InputError(f"{source} auto: this machine belongs to no Ray cluster; {mend}") from exc
        where = "--on ray" if address is None else f"{source} {address}"
        raise InputError(f"{where}: Ray cannot be used ({shorten(exc)})") from exc


def _check_address(address: str, source: str) -> None:
    """Refuse an address at which nobody listens.

    Raises:
        InputError: names it, and what to write.
    """
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal() or int(port) > 65_535:
        advice = "write HOST:PORT as `ray start --head` prints it, on a machine of the cluster"
        raise InputError(f"{source} {address}: not the address of a cluster; {advice}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_DIAL).close()
    except OSError as exc:
        reason = exc.strerror or str(exc)
        mend = "start a cluster with `ray start --head`, or leave --ray-address and RAY_ADDRESS out"
        raise InputError(f"{source} {address}: nobody answers there ({reason}); {mend}") from exc


def _count(number: float, what: str) -> str:
    return f"{number:g} {what}" if number == 1 else f"{number:g} {what}s"


def shorten(error: BaseException) -> str:
    """Give what an error of Ray says in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = getattr(error, "cause", None)
    text = f"{type(cause).__name__}: {cause}" if isinstance(cause, BaseException) else " ".join(lines)
    return " ".join(text.split())[:_SHOWN] or type(error).__name__


class _WithoutThread:
    """Standard output for every thread but one."""

    def __init__(self, stream: Any, thread: str) -> None:
        self._stream = stream
        self._thread = thread

    def write(self, text: str) -> int:
        if threading.current_thread().name == self._thread:
            return len(text)
        return int(self._stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _silence(thread: str) -> Iterator[None]:
    """Keep a thread from writing to standard output, which is for results."""
    before = sys.stdout
    sys.stdout = _WithoutThread(before, thread)
    try:
        yield
    finally:
        sys.stdout = before
