"""Which cluster the options of a command name."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evokd.api import RayOptions

_PLACES = ("local", "ray")


def choose_cluster(on: str, address: str | None, gpus: float) -> "RayOptions | None":
    """Read `--on`, `--ray-address` and `--ray-gpus`; None: this machine.

    Raises:
        InputError: the place is unknown, or options of a cluster are given without one.
    """
    from evokd.messages import InputError
    from evokd.messages.suggest import suggest

    if on not in _PLACES:
        raise InputError(f"--on {on}: unknown place{suggest(on, _PLACES)}; write local or ray")
    if on == "local":
        given = "--ray-address" if address is not None else "--ray-gpus" if gpus else None
        if given is not None:
            raise InputError(f"{given}: belongs to a Ray cluster; add --on ray, or leave it out")
        return None
    from evokd.api import RayOptions

    return RayOptions(address, gpus)
