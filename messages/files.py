"""Text files: read as UTF-8 with faults that name the line, written whole or not at all."""

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from evokd.messages.base import InputError


def read_utf8(path: Path, limit: int | None = None, advice: str = "", missing: str = "no such file") -> str:
    """Read a text file; every line ends at LF, and a byte order mark at the beginning is left out.

    Args:
        path: the file.
        limit: bytes that it may have at most; None: any number.
        advice: what to do about a larger one.
        missing: what to say where there is none.

    Raises:
        InputError: there is no such file, it cannot be read, is too large, or is not UTF-8 (names the line).
    """
    try:
        with path.open("rb") as file:
            raw = file.read() if limit is None else file.read(limit + 1)
    except FileNotFoundError as exc:
        raise InputError(f"{path}: {missing}") from exc
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror}") from exc
    if limit is not None and len(raw) > limit:
        raise InputError(f"{path}: larger than {limit:,} bytes; {advice}")
    return decode_utf8(raw, str(path)).replace("\r\n", "\n").replace("\r", "\n")


def decode_utf8(raw: bytes, name: str, line: int = 1, offset: int = 0, source: str = "the file") -> str:
    """Decode a text, or a part of one; byte order marks at its beginning are left out.

    Args:
        raw: the bytes.
        name: what the error calls the text.
        line: number of the first line.
        offset: bytes of the text before this part.
        source: what the user has to save as UTF-8.

    Raises:
        InputError: it is not UTF-8; names the line and the byte.
    """
    start = 0
    while raw.startswith(codecs.BOM_UTF8, start):  # there are several where files with marks were joined
        start += len(codecs.BOM_UTF8)
    try:
        return raw[start:].decode("utf-8")
    except UnicodeDecodeError as exc:
        at = start + exc.start
        line += raw.count(b"\n", 0, at)
        fault = f"byte 0x{raw[at]:02x} at offset {offset + at} is not UTF-8"
        raise InputError(f"{name}:{line}: {fault}; save {source} with encoding UTF-8") from exc


def write_atomically(path: Path, text: str) -> None:
    """Write a text file in UTF-8; it appears whole or not at all, even where the power fails.

    Raises:
        OSError: it cannot be written; what stood there is unchanged.
    """
    data = text.encode("utf-8")
    try:
        with replacing(path, path.with_suffix(".part")) as file:
            file.write(data)
    except OSError as exc:
        raise OSError(exc.errno, exc.strerror, str(path)) from exc


@contextmanager
def replacing(path: Path, part: Path) -> Iterator[BinaryIO]:
    """Open a file to write; behind the block it is on the disk and has its name, after an error it is gone.

    Args:
        path: the file; what stands there is replaced.
        part: its name while it is written, in the same folder.

    Raises:
        OSError: it cannot be written; what stood there is unchanged.
    """
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
