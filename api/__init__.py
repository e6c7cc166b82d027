"""The public Python API, which `import evokd` hands on, and what the command line needs beyond it.

Must not know: the command line, or how a run works; it calls the other rooms and checks its arguments.
A name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evokd.api.domain_making import AmbiguousColumnsError as AmbiguousColumnsError
    from evokd.api.domain_making import init_domain as init_domain
    from evokd.api.domains import check as check
    from evokd.api.domains import load_domain as load_domain
    from evokd.api.experiments import bench as bench
    from evokd.api.experiments import compare as compare
    from evokd.api.exports import Exports as Exports
    from evokd.api.exports import exporting as exporting
    from evokd.api.exports import send_run as send_run
    from evokd.api.record import Run as Run
    from evokd.api.record import find_run as find_run
    from evokd.api.record import open_run as open_run
    from evokd.api.rehearsal import serve_rehearsal as serve_rehearsal
    from evokd.api.releasing import Export as Export
    from evokd.api.releasing import export as export
    from evokd.api.reviewing import Review as Review
    from evokd.api.reviewing import open_review as open_review
    from evokd.api.run_deletion import delete_run as delete_run
    from evokd.api.run_deletion import delete_stored_run as delete_stored_run
    from evokd.api.run_deletion import find_runs_to_delete as find_runs_to_delete
    from evokd.api.run_deletion import find_stored_runs_to_delete as find_stored_runs_to_delete
    from evokd.api.run_list import list_runs as list_runs
    from evokd.api.run_list import list_stored_runs as list_stored_runs
    from evokd.api.runs import Event as Event
    from evokd.api.runs import resume as resume
    from evokd.api.runs import resume_async as resume_async
    from evokd.api.runs import run as run
    from evokd.api.runs import run_async as run_async
    from evokd.api.runs import stream as stream
    from evokd.api.settings import ConfigSource as ConfigSource
    from evokd.api.settings import parse_assignments as parse_assignments
    from evokd.api.settings import read_config_file as read_config_file
    from evokd.api.sharding import SHARD_ROWS as SHARD_ROWS
    from evokd.api.sharding import ShardOptions as ShardOptions
    from evokd.api.sharding import check_shardable as check_shardable
    from evokd.api.sharding import predict_on_ray as predict_on_ray
    from evokd.api.students import Student as Student
    from evokd.api.students import load_student as load_student
    from evokd.api.texts import Input as Input
    from evokd.api.texts import open_input as open_input
    from evokd.api.tutorial_files import write_tutorial_files as write_tutorial_files
    from evokd.api.viewing import Report as Report
    from evokd.api.viewing import address_of as address_of
    from evokd.api.viewing import report as report
    from evokd.api.viewing import serve_pages as serve_pages
    from evokd.api.viewing import view as view
    from evokd.graph.build import build_graph as build_graph
    from evokd.graph.build import draw_graph as draw_graph
    from evokd.graph.setup.preset_catalog import list_presets as list_presets
    from evokd.graph.setup.run_folder import EXAMPLE as EXAMPLE
    from evokd.inference.answers import check_reject as check_reject
    from evokd.inference.asking import AnsweringProcess as AnsweringProcess
    from evokd.inference.writers import OutputFile as OutputFile
    from evokd.inference.writers import check_output as check_output
    from evokd.inference.writers import check_rows as check_rows
    from evokd.inference.writers import has_cells as has_cells
    from evokd.jobs.ray_cluster import RayOptions as RayOptions
    from evokd.messages import EvokdError as EvokdError
    from evokd.messages import InputError as InputError

_MODULES = {
    "AmbiguousColumnsError": "api.domain_making",
    "AnsweringProcess": "inference.asking",
    "ConfigSource": "api.settings",
    "EXAMPLE": "graph.setup.run_folder",
    "Event": "api.runs",
    "EvokdError": "messages",
    "Export": "api.releasing",
    "Exports": "api.exports",
    "Input": "api.texts",
    "InputError": "messages",
    "OutputFile": "inference.writers",
    "has_cells": "inference.writers",
    "RayOptions": "jobs.ray_cluster",
    "Report": "api.viewing",
    "Review": "api.reviewing",
    "Run": "api.record",
    "SHARD_ROWS": "api.sharding",
    "ShardOptions": "api.sharding",
    "Student": "api.students",
    "address_of": "api.viewing",
    "bench": "api.experiments",
    "build_graph": "graph.build",
    "check": "api.domains",
    "check_output": "inference.writers",
    "check_reject": "inference.answers",
    "check_rows": "inference.writers",
    "check_shardable": "api.sharding",
    "compare": "api.experiments",
    "delete_run": "api.run_deletion",
    "delete_stored_run": "api.run_deletion",
    "draw_graph": "graph.build",
    "export": "api.releasing",
    "send_run": "api.exports",
    "exporting": "api.exports",
    "find_run": "api.record",
    "find_runs_to_delete": "api.run_deletion",
    "find_stored_runs_to_delete": "api.run_deletion",
    "init_domain": "api.domain_making",
    "list_presets": "graph.setup.preset_catalog",
    "list_runs": "api.run_list",
    "list_stored_runs": "api.run_list",
    "load_domain": "api.domains",
    "load_student": "api.students",
    "open_input": "api.texts",
    "open_review": "api.reviewing",
    "open_run": "api.record",
    "parse_assignments": "api.settings",
    "read_config_file": "api.settings",
    "predict_on_ray": "api.sharding",
    "report": "api.viewing",
    "resume": "api.runs",
    "resume_async": "api.runs",
    "run": "api.runs",
    "run_async": "api.runs",
    "serve_pages": "api.viewing",
    "serve_rehearsal": "api.rehearsal",
    "stream": "api.runs",
    "view": "api.viewing",
    "write_tutorial_files": "api.tutorial_files",
}
"""Name -> the module that has it."""


def __getattr__(name: str) -> Any:
    """Load a name when it is first used."""
    if name in _MODULES:
        return getattr(import_module(f"evokd.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'evokd.api' has no attribute {name!r}")


def __dir__() -> list[str]:
    """All names."""
    return list(_MODULES)
