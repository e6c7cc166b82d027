"""Pushing to the model hub: private unless asked for, the token from the environment, one line on failure."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evokd.messages import EvokdError, InputError
from evokd.release import hub

SECRET = "hf_notARealToken"


class FakeHub:
    """Stands in for `huggingface_hub.HfApi`."""

    def __init__(self, private: bool | None = None, fault: Exception | None = None) -> None:
        self.private = private
        """Of a repository that exists; None: there is none yet."""
        self.fault = fault
        self.tokens: list[str] = []
        self.pushed: list[dict[str, Any]] = []

    def __call__(self, token: str) -> "FakeHub":
        self.tokens.append(token)
        return self

    def whoami(self) -> dict[str, str]:
        if self.fault:
            raise self.fault
        return {"name": "team"}

    def create_repo(self, repo: str, *, repo_type: str, private: bool, exist_ok: bool) -> str:
        assert exist_ok
        self.private = private if self.private is None else self.private
        return f"https://hub.example/{repo_type}/{repo}"

    def repo_info(self, repo: str, *, repo_type: str) -> SimpleNamespace:
        return SimpleNamespace(private=self.private)

    def upload_folder(self, **options: Any) -> None:
        if self.fault:
            raise self.fault
        self.pushed.append(options)


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)


def put(fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_make_client", fake)


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("public", [False, True])
def test_a_repository_is_made_private_unless_asked_otherwise(
    public: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeHub()
    put(fake, monkeypatch)
    hub.check_push("team/model")
    assert hub.push(tmp_path, "team/model", "model", public) == "https://hub.example/model/team/model"
    assert fake.private is not public
    assert [(item["repo_id"], item["repo_type"], item["folder_path"]) for item in fake.pushed] == [
        ("team/model", "model", tmp_path)
    ]
    assert set(fake.tokens) == {SECRET}


@pytest.mark.usefixtures("token")
def test_nothing_is_pushed_to_a_public_repository_by_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeHub(private=False)
    put(fake, monkeypatch)
    with pytest.raises(InputError, match="this repository is public; add --public, or name another"):
        hub.push(tmp_path, "team/model", "dataset", public=False)
    assert fake.pushed == []


@pytest.mark.usefixtures("token")
def test_a_failure_is_one_line_without_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(FakeHub(fault=RuntimeError(f"403 Forbidden\n\nfor token {SECRET}\x1b[2J")), monkeypatch)
    for call in (lambda: hub.check_push("team/model"), lambda: hub.push(tmp_path, "team/model", "model", False)):
        with pytest.raises(EvokdError, match="403 Forbidden for token") as caught:
            call()
        assert SECRET not in str(caught.value)
        assert str(caught.value).isprintable()


def test_the_token_comes_from_the_environment() -> None:
    with pytest.raises(InputError, match="in the variable HF_TOKEN"):
        hub.check_push("team/model")


@pytest.mark.parametrize("repo", ["model", "team/model/x", "https://hub/x", "../x", ""])
def test_names_that_are_no_repository_are_refused(repo: str) -> None:
    with pytest.raises(InputError, match="give OWNER/NAME"):
        hub.check_push(repo)
