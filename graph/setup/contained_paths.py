"""Finds the files that a domain names, only inside its folder."""

import os
import unicodedata
from pathlib import Path

from evokd.messages import InputError
from evokd.messages.suggest import suggest


def find_name(folder: Path, name: str) -> str:
    """Spell a name as its file does: systems differ in the Unicode form of names, and archives preserve it.

    Args:
        folder: the domain folder.
        name: a path in it, as written in domain.yaml.

    Returns:
        The name of the existing file, or else the given name.

    Raises:
        ValueError: there is a file whose name differs only in capitals or in the kind of slash.
    """
    if os.path.lexists(folder / name):
        return name
    place = folder
    for part in Path(name).parts:
        place = _find_part(place, part)
    if place.exists():
        return place.relative_to(folder).as_posix()
    if "\\" in name and (folder / name.replace("\\", "/")).exists():
        raise ValueError(f"{name!r} does not exist; write it with slashes (/)")
    folded = unicodedata.normalize("NFC", place.name).casefold()
    for other in list_files(place.parent):
        if unicodedata.normalize("NFC", other.name).casefold() == folded:
            raise ValueError(
                f"there is no {place.name!r}, but there is {other.name!r}; write it with the same capitals"
            )
    return name


def _find_part(place: Path, part: str) -> Path:
    if (place / part).exists():
        return place / part
    wanted = unicodedata.normalize("NFC", part)
    same = (other for other in list_files(place) if unicodedata.normalize("NFC", other.name) == wanted)
    return next(same, place / part)


def list_files(folder: Path) -> list[Path]:
    """Names in a folder; empty if it does not exist or cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def keep_inside(folder: Path, *paths: Path) -> None:
    """Refuse files of a domain that link to places outside its folder.

    A domain may come from anywhere, and the contents of its files are sent to the teacher.

    Raises:
        InputError: names the first such file.
    """
    home = folder.resolve()
    for path in paths:
        try:
            inside = path.resolve().is_relative_to(home)
        except (OSError, RuntimeError):  # a link to itself
            inside = False
        if not inside:
            raise InputError(f"{path}: points outside the domain folder; put the file itself into the folder")


def tell_absent(path: Path) -> str:
    """Say why a path is no readable file: a folder, a pipe or a device, or not there (a like name is suggested)."""
    if path.is_dir():
        return "is a folder, not a file (join the files in it into one)"
    if path.exists():
        return "is not a regular file"
    return f"no such file{suggest(path.name, [other.name for other in list_files(path.parent) if other.is_file()])}"
