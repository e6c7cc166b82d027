"""Open a cluster on this machine, and try to come in from another process, first without its token."""

import os
import subprocess
import sys

from evokd.jobs.ray_cluster import RayOptions, open_cluster

INTRUDE = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False); print(len(ray.nodes()), 'machines')"


def main() -> None:
    """Print what each attempt came to."""
    with open_cluster(RayOptions()):
        import ray

        address = ray.get_runtime_context().gcs_address
        without = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
        for environment in (without, dict(os.environ)):
            command = [sys.executable, "-c", INTRUDE, address]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
            print(done.stdout.strip() or "refused")


if __name__ == "__main__":
    main()
