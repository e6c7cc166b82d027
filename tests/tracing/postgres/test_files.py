from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="needs evokd[postgres]")

import evokd.tracing.postgres.files as files
from evokd.messages import EvokdError
from evokd.tracing.postgres.address import StoreAddress
from evokd.tracing.postgres.files import FolderMirror
from evokd.tracing.postgres.store import PostgresStore
from tests.postgres_server import PostgresServer


@pytest.fixture
def store(address: StoreAddress, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresStore]:
    monkeypatch.setattr(files, "PIECE", 10)
    opened = PostgresStore(address)
    yield opened
    opened.close()


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_made_again_byte_for_byte(store: PostgresStore, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    kept = {
        "config.yaml": b"a: 1\n",
        "work/c001/model.safetensors": bytes(range(256)),
        "events.jsonl": b'{"event": "x"}\n',
        "guide.yaml": b"",
    }
    for name, content in (
        kept
        | {
            "student.log": b"x",
            ".evokd_pool/a/texts/texts.utf8": b"x",
            ".lock": b"",
            "report.html": b"x",
            "config.part": b"x",
        }
    ).items():
        write(one, name, content)
    domain = write(tmp_path / "toy", "prompts/analyst.md", b"---")
    mirror = FolderMirror(one, store)
    mirror.push_domain(tmp_path / "toy", [domain, tmp_path / "elsewhere.jsonl"])
    mirror.push()
    FolderMirror(two, store).pull(lambda: True)
    assert read_all(two) == kept | {"domain/prompts/analyst.md": b"---"}
    FolderMirror(tmp_path / "three", store).pull(lambda: False)
    assert read_all(tmp_path / "three") == kept


def test_what_changes_is_sent_and_students_that_go_are_deleted(
    store: PostgresStore, tmp_path: Path, postgres: PostgresServer
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    mirror = FolderMirror(one, store)
    write(one, "work/c001/model", b"1" * 25)
    write(one, "summary.json", b"{}")
    mirror.push()
    (one / "work/c001/model").unlink()
    (one / "summary.json").unlink()  # somebody makes room; the run still has it
    write(one, "work/c002/model", b"2" * 15)
    mirror.push()
    write(one, "work/c002/model", b"3" * 12)
    mirror.push()
    write(two, "work/c002/model", b"of an earlier attempt")
    FolderMirror(two, store).pull(lambda: False)
    assert read_all(two) == {"summary.json": b"{}", "work/c002/model": b"3" * 12}
    assert len(postgres.query("SELECT * FROM evokd_one.file_parts WHERE path LIKE 'work/%'")) == 2


def test_of_the_event_log_what_is_new_is_sent_and_what_came_later_is_kept(store: PostgresStore, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    mirror = FolderMirror(one, store)
    log = write(one, "events.jsonl", b"first\n")
    mirror.push()
    mirror.push()
    log.write_bytes(b"first\nsecond\n")
    mirror.push()
    log.write_bytes(b"first\nsecond\nlost with the machine\n")
    FolderMirror(one, store).pull(lambda: False)
    assert log.read_bytes() == b"first\nsecond\nlost with the machine\n"
    other = FolderMirror(two, store)
    other.pull(lambda: False)
    assert (two / "events.jsonl").read_bytes() == b"first\nsecond\n"
    (two / "events.jsonl").write_bytes(b"first\nsecond\nthird\n")
    other.push()
    FolderMirror(one, store).pull(lambda: False)  # the run has gone on elsewhere
    assert log.read_bytes() == b"first\nsecond\nthird\n"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "work/../../x", "a\\b", "C:x", "store.json", ""])
def test_a_stored_name_never_leads_out_of_the_folder(name: str, store: PostgresStore, tmp_path: Path) -> None:
    store.commit([("INSERT INTO files VALUES (?, '', 0)", (name,))])
    with pytest.raises(EvokdError, match="which no run stores"):
        FolderMirror(tmp_path / "one", store).pull(lambda: False)
    assert read_all(tmp_path) == {}
