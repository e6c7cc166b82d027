import json
from pathlib import Path

import pytest

pytest.importorskip("psycopg_pool", reason="needs evokd[postgres]")

import evokd.tracing.postgres.address as address_module
from evokd.messages import EvokdError, InputError
from evokd.tracing.postgres.address import (
    VARIABLE,
    StoreAddress,
    name_schema,
    parse_address,
    read_pointer,
    split_password,
    write_pointer,
)

SECRET = "hush hush"
SPLIT = {
    "in front of the host": ("postgresql://me:hush%20hush@host/db", "postgresql://me@host/db", SECRET),
    "as an option": ("postgresql://me@host/db?password=hush%20hush", "postgresql://me@host/db", SECRET),
    "a plus": ("postgresql://me@host/db?password=hush+hush", "postgresql://me@host/db", "hush+hush"),
    "a plus in an option": (
        "postgresql://me@host/db?sslcert=/c++/a",
        "postgresql://me@host/db?sslcert=/c%2B%2B/a",
        None,
    ),
    "without a user": ("postgres://host:5433/db", "postgresql://host:5433/db", None),
    "without a host": (
        "postgresql:///db?host=/run/postgresql&sslmode=require",
        "postgresql:///db?host=/run/postgresql&sslmode=require",
        None,
    ),
    "several hosts": ("postgresql://me:hush%20hush@a:1,b:2/db", "postgresql://me@a:1,b:2/db", SECRET),
    "IPv6": ("postgresql://me@[::1]:5433/db", "postgresql://me@[::1]:5433/db", None),
}


@pytest.mark.parametrize(("given", "bare", "password"), SPLIT.values(), ids=SPLIT)
def test_a_password_is_taken_out_of_an_address_and_kept_in_this_process_alone(
    given: str, bare: str, password: str | None, tmp_path: Path
) -> None:
    address = parse_address(given, "one")
    assert (str(address), address.password) == (bare, password)
    write_pointer(tmp_path / "store.json", address)
    assert "hush" not in (tmp_path / "store.json").read_text(encoding="utf-8")
    assert read_pointer(tmp_path / "store.json") == address


def test_the_environment_gives_the_password_of_its_own_address_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "postgresql://you:told@elsewhere/db")
    assert StoreAddress("postgresql://you@elsewhere/db", "s").password == "told"
    assert StoreAddress("postgresql://you@elsewhere/other", "s").password is None


WRONG = {
    "another database": "mysql://me:hush@host/db",
    "a path": "/var/lib/hush",
    "a slash in the password": "postgresql://me:hu/sh@host/db",
    "a number sign in the password": "postgresql://me:hu#sh@host/db",
    "no user": "postgresql://me:hush/db",
    "a bracket": "postgresql://me:hush@[host/db",
    "a blank": "postgresql://me:hu sh@host/db",
    "an option without a value": "postgresql://host/db?hush",
    "no UTF-8": "postgresql://me:hush@host/\udcff",
    "nothing": "",
}


@pytest.mark.parametrize("url", WRONG.values(), ids=WRONG)
def test_what_is_no_address_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(InputError, match=r"^--store: ") as caught:
        split_password(url, "--store")
    assert "hu" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fault_names_the_variable_where_the_address_stands_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("mysql://me@host/db", "postgresql://me@host:port/db", " "):
        monkeypatch.setenv(VARIABLE, url)
        with pytest.raises(InputError, match=f"^{VARIABLE}: "):
            parse_address(url, "one")
        with pytest.raises(InputError, match=r"^--store: "):
            parse_address(f"{url}/", "one")


def test_names_of_schemas_fit_and_never_meet() -> None:
    runs = ["one", "One", "a.b-c_d", *("x" * length for length in (56, 57, 58, 100)), "x" * 99 + "y"]
    names = [name_schema(run) for run in runs]
    assert len({*names}) == len(runs)
    assert max(len(name.encode()) for name in names) == 63
    assert names[:3] == ["evokd_one", "evokd_One", "evokd_a.b-c_d"]


@pytest.mark.parametrize("text", ["", "[]", '{"store": 1, "schema": "s"}', '{"store": "postgresql://h/d"}'])
def test_a_damaged_pointer_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(EvokdError, match=r"store\.json: .*evokd resume RUN --store URL"):
        read_pointer(path)


def test_a_password_that_somebody_wrote_into_a_pointer_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    path.write_text(json.dumps({"store": "postgresql://me:hush@host/db", "schema": "evokd_one"}), encoding="utf-8")
    assert str(read_pointer(path)) == "postgresql://me@host/db"


def test_a_missing_driver_is_told_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, package in address_module._PACKAGES.items():
        monkeypatch.setattr(address_module, "find_spec", lambda name, gone=module: None if name == gone else name)
        with pytest.raises(
            InputError, match=rf"^--store needs the package {package}: pip install 'evokd\[postgres\]'$"
        ):
            parse_address("postgresql://host/db", "one")


def test_a_driver_without_its_library_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise ImportError("no pq wrapper available")

    monkeypatch.setattr(address_module, "import_module", fail)
    with pytest.raises(InputError, match="psycopg cannot be loaded"):
        parse_address("postgresql://host/db", "one")
