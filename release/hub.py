"""Push an exported folder to the model hub. The token comes from the environment alone."""

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from evokd.messages import EvokdError, InputError
from evokd.messages.escape import clean

Kind = Literal["model", "dataset"]
TOKEN = "HF_TOKEN"  # the name of the variable
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def _make_client(token: str) -> Any:
    from huggingface_hub import HfApi

    return HfApi(token=token)


def _explain(exc: Exception) -> str:
    """Why the hub did not do something, in one line, without the token."""
    return clean(str(exc).replace(os.environ.get(TOKEN) or "\0", "***"), 300)


def check_push(repo: str) -> None:
    """Check name and token before anything is exported; asks the hub who the token is.

    Raises:
        InputError: a package, the token or the name is missing or wrong.
        EvokdError: the hub cannot be reached or does not take the token.
    """
    if find_spec("huggingface_hub") is None:
        raise InputError("--push needs the package huggingface_hub: pip install 'evokd[hub]'")
    if not _REPO.fullmatch(repo):
        raise InputError(f"--push {repo!r}: give OWNER/NAME, such as my-team/my-student")
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        raise InputError(f"--push needs a token of the model hub with the right to write, in the variable {TOKEN}")
    try:
        _make_client(token).whoami()
    except Exception as exc:  # the client and its transport raise a dozen unrelated classes
        raise EvokdError(
            f"--push {repo}: the model hub does not take the token, or cannot be reached ({_explain(exc)})"
        ) from exc


def push(folder: Path, repo: str, kind: Kind, public: bool) -> str:
    """Push a folder to a repository, which is made if there is none.

    Args:
        folder: the exported folder.
        repo: OWNER/NAME.
        kind: of the repository.
        public: whether everybody may see it; a repository that is made is private otherwise.

    Returns:
        The address of the repository.

    Raises:
        InputError: the repository is public, and that was not asked for.
        EvokdError: the hub did not take it; the folder stays.
    """
    client = _make_client(os.environ[TOKEN].strip())
    try:
        made = client.create_repo(repo, repo_type=kind, private=not public, exist_ok=True)
        is_private = bool(client.repo_info(repo, repo_type=kind).private)
        if is_private or public:
            client.upload_folder(repo_id=repo, repo_type=kind, folder_path=folder, commit_message="Export of EvoKD")
    except Exception as exc:  # as above
        raise EvokdError(f"--push {repo}: not pushed ({_explain(exc)}); the export lies in {folder}") from exc
    if not is_private and not public:
        raise InputError(f"--push {repo}: this repository is public; add --public, or name another. Nothing was pushed")
    return str(made)
