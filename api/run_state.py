"""What has become of a run, read quickly from its folder."""

from typing import Literal

from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.run_lock import is_held
from evokd.viewer.changes import read_last_event

RunState = Literal["running", "done", "parked", "interrupted", "killed"]


def read_state(folder: RunFolder) -> RunState:
    """Read the state of a run.

    Returns:
        `running`: a process works on it; `done`: it has a summary; `parked`: the teacher could not be used;
        `interrupted`: somebody stopped it; `killed`: its process ended without a word.
    """
    if is_held(folder.path):
        return "running"
    if folder.summary.is_file():
        return "done"
    match read_last_event(folder.events).get("event"):
        case "parked":
            return "parked"
        case "interrupted":
            return "interrupted"
        case _:
            return "killed"
