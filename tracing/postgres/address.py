"""Where in which database a run is kept: the address without its password, and the schema. Needs no driver."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from evokd.messages import EvokdError, InputError
from evokd.messages.files import write_atomically

VARIABLE = "EVOKD_STORE"
"""Environment variable with the address of the database, which may have a password in it."""
_SCHEMES = ("postgresql", "postgres")
_SECRET = ("password", "sslpassword")
"""Parts of an address that are never written down."""
PREFIX = "evokd_"
"""How the names of the schemas of runs begin."""
_LONGEST = 63
"""Bytes that the name of a schema may have."""
_PACKAGES = {
    "psycopg": "psycopg",
    "psycopg_pool": "psycopg-pool",
    "langgraph.checkpoint.postgres": "langgraph-checkpoint-postgres",
}
"""Module -> the package that brings it."""
_KNOWN: dict[str, str] = {}
"""Address without password -> the password that this process was given with it."""


@dataclass(frozen=True)
class StoreAddress:
    """The place of a run in a database."""

    url: str
    """As the user gave it, without password."""
    schema: str

    def __str__(self) -> str:
        return self.url

    @property
    def full_name(self) -> str:
        """Address and schema, as users read them."""
        return f"{self.url}, schema {self.schema}"

    @property
    def password(self) -> str | None:
        """The password that came with the address, on the command line or in the environment; None: libpq finds it."""
        if self.url not in _KNOWN and os.environ.get(VARIABLE):
            split_password(os.environ[VARIABLE], VARIABLE)
        return _KNOWN.get(self.url)


def name_schema(run_id: str) -> str:
    """Name the schema of a run; two runs never share one."""
    name = PREFIX + run_id
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:10]
    return f"{name[: _LONGEST - len(digest) - 1]}_{digest}"


def name_run(schema: str) -> str:
    """Name the run of a schema, as far as the schema's name holds it."""
    return schema.removeprefix(PREFIX)


def parse_address(url: str, run_id: str) -> StoreAddress:
    """Read an address, and remember its password in this process alone.

    Raises:
        InputError: it is no address of a Postgres database, or the driver is not installed.
    """
    option = VARIABLE if url == os.environ.get(VARIABLE) else "--store"
    bare = split_password(url, option)
    require_driver(option)
    if os.name == "nt":
        raise InputError(f"{option}: runs in a database need Linux or macOS; use WSL, or leave the option out")
    return StoreAddress(bare, name_schema(run_id))


def split_password(url: str, option: str) -> str:
    """Take the password out of an address; later connections of this process find it again.

    Raises:
        InputError: it is no address of a Postgres database. The message does not quote it: it may hold the password.
    """
    try:
        url.encode()
        parts = urlsplit(url)
        # libpq reads a plus as itself, forms of web pages as a blank
        query = parts.query.replace("+", "%2B")
        given = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as exc:
        raise InputError(f"{option}: cannot be read as an address; {_EXAMPLE}") from exc
    if parts.scheme not in _SCHEMES:
        raise InputError(f"{option}: must begin with postgresql://; {_EXAMPLE}")
    user, _, place = parts.netloc.rpartition("@")
    if "/" in parts.path[1:] or parts.fragment or " " in url:
        raise InputError(f"{option}: cannot be read as an address; write / # @ and : in a password as %2F %23 %40 %3A")
    if any(port and not port.isdigit() for port in re.findall(r":([^,:\]]*)(?=,|$)", place)):
        raise InputError(f"{option}: the port is no number; write a user and a password as user:password@host")
    name, _, password = user.partition(":")
    hidden = {key: value for key, value in given if key in _SECRET}
    kept = urlencode([(key, value) for key, value in given if key not in _SECRET], safe="/", quote_via=quote)
    bare = f"postgresql://{f'{name}@' if name else ''}{place}{parts.path}{f'?{kept}' if kept else ''}"
    secret = unquote(password) or hidden.get("password", "")
    if secret:
        _KNOWN[bare] = secret
    return bare


_EXAMPLE = "give one such as postgresql://user@host/database"


def require_driver(option: str = "--store") -> None:
    """Check that the driver is installed, and LangGraph's part for this database.

    Raises:
        InputError: one of them is not.
    """
    for module, package in _PACKAGES.items():
        if find_spec(module) is None:
            raise InputError(f"{option} needs the package {package}: pip install 'evokd[postgres]'")
    try:
        import_module("psycopg")
    except ImportError as exc:  # it finds no libpq
        raise InputError(f"{option}: psycopg cannot be loaded; pip install 'evokd[postgres]' brings libpq") from exc


def write_pointer(path: Path, address: StoreAddress) -> None:
    """Write the file of a run folder that says where the run is kept."""
    write_atomically(path, json.dumps({"store": address.url, "schema": address.schema}, indent=2) + "\n")


def read_pointer(path: Path) -> StoreAddress:
    """Read the file of a run folder that says where the run is kept.

    Raises:
        EvokdError: it cannot be read.
        InputError: the driver is not installed.
    """
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise EvokdError(f"{path}: cannot be read ({exc}); {_MEND}") from exc
    if not isinstance(record, Mapping) or not all(isinstance(record.get(key), str) for key in ("store", "schema")):
        raise EvokdError(f"{path}: damaged; {_MEND}")
    require_driver(str(path))
    return StoreAddress(split_password(record["store"], str(path)), record["schema"])


_MEND = "remove the run's folder and fetch the run again: evokd resume RUN --store URL"
