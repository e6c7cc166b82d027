"""What a cluster says of its machines, with a stand-in for ray."""

from types import SimpleNamespace
from typing import Any

import pytest

from evokd.jobs import ray_cluster
from evokd.jobs.ray_cluster import RayCluster, RayOptions, shorten
from evokd.messages import EvokdError, InputError


class RayError(Exception): ...


class RayTaskError(RayError): ...


class GetTimeoutError(RayError): ...


def record(name: str, is_alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"NodeID": f"id-{name}", "NodeManagerAddress": name, "Alive": is_alive, "Resources": resources}


class PlayedRay:
    """Has the machines of each look at it in turn; `get` raises or gives what it was told to."""

    exceptions = SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError, GetTimeoutError=GetTimeoutError)

    def __init__(self, *looks: list[dict[str, Any]], answer: Any = None) -> None:
        self._looks = list(looks)
        self._answer = answer

    def nodes(self) -> list[dict[str, Any]]:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def get(self, ref: object, timeout: float) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def open_played(*looks: list[dict[str, Any]], gpus: float = 0.0, **more: Any) -> RayCluster:
    return RayCluster(PlayedRay(*looks, **more), is_own=False, gpus=gpus)


HEAD = record("head")
BIG = record("big", CPU=8.0, GPU=1.0)
SMALL = record("small", CPU=3.0)
GONE = record("gone", False, CPU=16.0)


def test_other_machines_find_this_one_by_its_address_in_the_cluster() -> None:
    cluster = open_played([HEAD, BIG, SMALL])
    cluster._ray.get_runtime_context = lambda: SimpleNamespace(get_node_id=lambda: "id-big")
    assert cluster.find_host() == "big"
    cluster.is_own = True
    assert cluster.find_host() == "127.0.0.1"


def test_slots_are_those_that_machines_have_room_for() -> None:
    cluster = open_played([HEAD, BIG, SMALL, GONE])
    assert cluster.describe() == "Ray: a cluster of 2 machines, 11 cores"
    assert [cluster.count_slots(cpus) for cpus in (1, 2, 3, 8)] == [11, 5, 3, 1]
    assert open_played([HEAD, BIG, SMALL], gpus=0.25).count_slots(1) == 4
    assert open_played([HEAD, BIG, SMALL], gpus=0.2).count_slots(1) == 5
    assert open_played([HEAD, BIG, SMALL], gpus=0.3).count_slots(1) == 3
    assert open_played([HEAD, BIG, SMALL], gpus=1).count_slots(1) == 1
    with pytest.raises(InputError, match="no machine of the cluster has 9 cores"):
        cluster.count_slots(9)
    with pytest.raises(InputError, match="has 1 core and 2 GPUs"):
        open_played([HEAD, BIG], gpus=2).count_slots(1)


@pytest.mark.parametrize("gpus", [-1.0, 1.5, 0.00001, float("nan"), float("inf")])
def test_a_number_of_gpus_that_ray_does_not_hand_out_is_refused(gpus: float) -> None:
    for sound in (0, 0.0, 0.0001, 0.3, 1, 2.0):
        assert RayOptions(gpus=sound).gpus == sound
    with pytest.raises(InputError, match=f"--ray-gpus {gpus:g}: Ray hands out no such number of GPUs; write a share"):
        RayOptions(gpus=gpus)


def test_a_machine_that_went_away_unnoticed_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "_NOTICE", 1.0)
    (node, *_) = open_played([BIG]).list_nodes()
    assert open_played([BIG], answer="no folder")._hear(node, object()) == "no folder"
    assert open_played([BIG], [SMALL], answer=RayError("not schedulable"))._hear(node, object()) is None
    with pytest.raises(EvokdError, match="machine big: not schedulable; look at it"):
        open_played([BIG], answer=RayError("not schedulable"))._hear(node, object())
    with pytest.raises(EvokdError, match="machine big: No module named evokd; it needs this version"):
        open_played([BIG], answer=RayTaskError("No module named evokd"))._hear(node, object())
    with pytest.raises(EvokdError, match="machine big: no answer within"):
        open_played([BIG], answer=GetTimeoutError())._hear(node, object())


def test_errors_of_ray_become_one_line() -> None:
    assert shorten(ValueError("first\n\n  second")) == "first second"
    error = ValueError("long traceback")
    error.cause = ModuleNotFoundError("No module named 'evokd'")  # type: ignore[attr-defined]
    assert shorten(error) == "ModuleNotFoundError: No module named 'evokd'"
    assert len(shorten(ValueError("x" * 1000))) == 300
    assert shorten(ValueError()) == "ValueError"


def test_a_machine_of_no_cluster_is_told_so_without_an_option_that_we_do_not_have() -> None:
    def init(*_: object, **__: object) -> None:
        raise ConnectionError("Could not find any running Ray instance. Set the `--address` flag.")

    with pytest.raises(InputError) as caught:
        ray_cluster._connect(SimpleNamespace(init=init), "auto", "--ray-address")
    assert str(caught.value).startswith("--ray-address auto: this machine belongs to no Ray cluster; start one with")
