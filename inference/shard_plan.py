"""The plan of a folder of shards: what is answered, by whom, into which files; with anything else it ends."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError

from evokd.inference.shard_input import InputPart
from evokd.messages import ClosedModel, EvokdError, InputError
from evokd.messages.files import write_atomically

MANIFEST = "_manifest.json"
"""A name that pyarrow, Spark and Ray Data pass over when they read a folder."""


class InputFacts(ClosedModel):
    """What is answered."""

    file: str = Field(description="the input, as an absolute path")
    bytes: int = Field(description="its size")
    sha256: str = Field(description="of its bytes")
    format: str = Field(description="jsonl, lines or parquet")
    text_column: str | None = Field(description="column of the texts; null: text")
    rows: int = Field(description="rows in it")
    texts: int = Field(description="rows with a text")


class StudentFacts(ClosedModel):
    """Who answers."""

    folder: str = Field(description="the student's, as an absolute path")
    sha256: str = Field(description="of its files")
    int8: bool = Field(description="whether weights of 8 bits answer")


class ColumnFacts(ClosedModel):
    """How answers are written."""

    prefix: str
    reject: float | None
    scores: bool


class Shard(ClosedModel):
    """A file of answers, and the part of the input that it answers."""

    file: str
    start: int
    end: int
    line: int
    sha256: str

    @property
    def part(self) -> InputPart:
        """The part of the input."""
        return InputPart(self.start, self.end, self.line, self.sha256)


class ShardPlan(ClosedModel):
    """What `_manifest.json` holds."""

    version: int = 1
    input: InputFacts
    student: StudentFacts
    columns: ColumnFacts
    shards: list[Shard]

    @property
    def form(self) -> str:
        """Format of the shards, which is the ending of their names."""
        return "parquet" if self.input.format == "parquet" else "jsonl"


def name_shards(parts: Sequence[InputPart], form: str) -> list[Shard]:
    """Give every part its file; the names sort as the parts do."""
    width = max(5, len(str(len(parts))))
    ending = "parquet" if form == "parquet" else "jsonl"
    return [
        Shard(
            file=f"part-{number:0{width}}.{ending}", start=part.start, end=part.end, line=part.line, sha256=part.sha256
        )
        for number, part in enumerate(parts)
    ]


@dataclass(frozen=True)
class ShardFolder:
    """The folder that the shards are written to."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Make the folder, or take one that was begun.

        Raises:
            InputError: it is a file, cannot be made, or holds something else.
        """
        if path.suffix.lower() in (".jsonl", ".parquet", ".csv", ".tsv") and not path.is_dir():
            raise InputError(f"--output {path}: on Ray the answers are a folder of files; name a folder")
        try:
            path.mkdir(parents=True, exist_ok=True)
            strangers = [item.name for item in path.iterdir() if not item.name.startswith(".")]
        except FileExistsError as exc:
            raise InputError(f"--output {path}: is a file; name a folder") from exc
        except OSError as exc:
            raise InputError(f"--output {path}: cannot be made ({exc.strerror}); name another folder") from exc
        if strangers and MANIFEST not in strangers:
            raise InputError(f"--output {path}: holds other files ({strangers[0]}); name a folder that is new or empty")
        return cls(path.absolute())

    @property
    def manifest(self) -> Path:
        """The plan's file."""
        return self.path / MANIFEST

    def settle(self, plan: ShardPlan) -> ShardPlan:
        """Write the plan, or read the one that is there, whose shards may have another size.

        A plan of which no part is answered holds nobody to anything: it is replaced. Call it under the folder's lock.

        Raises:
            InputError: the folder was begun with something else, and with what.
        """
        known = self.read()
        if known is None or len(self.list_missing(known)) == len(known.shards):
            write_atomically(self.manifest, plan.model_dump_json(indent=2) + "\n")
            return plan
        for name, before, now in _compare(known, plan):
            fault = f"was begun with another {name} ({before}, now {now})"
            raise InputError(f"--output {self.path}: {fault}; name another folder, or remove this one")
        return known

    def read(self) -> ShardPlan | None:
        """Read the plan; None where there is none.

        Raises:
            EvokdError: it is damaged.
        """
        try:
            return ShardPlan.model_validate_json(self.manifest.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as exc:
            raise EvokdError(f"{self.manifest}: cannot be read; remove the folder to answer everything anew") from exc

    def list_missing(self, plan: ShardPlan) -> list[Shard]:
        """List the shards that are not written."""
        there = {item.name for item in self.path.iterdir()}
        return [shard for shard in plan.shards if shard.file not in there]

    def sweep(self) -> None:
        """Remove what workers that died have left."""
        for path in self.path.glob(".part-*.partial"):
            with suppress(OSError):
                path.unlink()


def _compare(known: ShardPlan, plan: ShardPlan) -> list[tuple[str, object, object]]:
    """What differs: name, before, now. Where files lie does not count, what is in them does."""
    different: list[tuple[str, object, object]] = []
    for section, facts, leave in (
        ("input", InputFacts, {"file", "rows", "texts"}),
        ("student", StudentFacts, {"folder"}),
        ("columns", ColumnFacts, set()),
    ):
        before, now = getattr(known, section), getattr(plan, section)
        for field in facts.model_fields:
            pair = (getattr(before, field), getattr(now, field))
            if field not in leave and pair[0] != pair[1]:
                name = section if field in ("sha256", "bytes") else field
                different.append((name, _brief(pair[0]), _brief(pair[1])))
    return different


def _brief(value: object) -> object:
    return value[:12] if isinstance(value, str) else value


def digest_folder(folder: Path) -> str:
    """Give a digest of the files of a folder, their names included."""
    digest = hashlib.sha256()
    for path in sorted(item for item in folder.iterdir() if item.is_file()):
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
