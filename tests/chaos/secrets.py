"""Experiment: a server that repeats the key in what it answers; no byte of it is kept or printed."""

import base64
import hashlib
from functools import partial
from typing import Any
from urllib.parse import quote

from tests.chaos.lab import Case, Lab, tell_end
from tests.chaos.remote import Server
from tests.chaos.storm import MORE, run_through

NAME = "key"
PIECE = 12
"""Characters of the key in a row that count as a leak."""
REFUSALS = 8
"""Times that a run is resumed while its key is refused."""
KINDS = ["rate_limit_silent", "server_error", "bad_gateway", "half_body", "fenced"]


def make_key(seed: int) -> str:
    """A key like those of real services, another one for every seed."""
    return "sk-" + hashlib.sha256(f"chaos/{seed}".encode()).hexdigest()[:48]


def find_key(place: str, data: bytes, key: str) -> list[str]:
    """Say where a key, a piece of it or another spelling of it stands in bytes."""
    secret = key.removeprefix("sk-").encode()
    pieces = {secret[at : at + PIECE] for at in range(len(secret) - PIECE + 1)}
    spellings = {base64.b64encode(key.encode()), key.encode().hex().encode(), quote(key, safe="").encode()}
    for piece in sorted(pieces | spellings):
        at = data.find(piece)
        if at >= 0:
            return [f"{place}: {data[max(0, at - 60) : at + 60]!r}"]
    return []


def keep_secret(lab: Lab) -> None:
    """Make runs with a key: through errors and replies that repeat it, and into a server that refuses it."""
    cases = lab.cases(quick=True)[:1] if lab.short else lab.cases(quick=True)
    lab.each(cases, _keep_case)


def _keep_case(lab: Lab, case: Case) -> None:
    with lab.serve([case], echo=True, latency=0.01, kinds=KINDS) as server:
        _keep(lab, case, server, "echo", {"rate": 0.5, "status": None}, 0)
        _keep(lab, case, server, "refused", {"status": 401}, 3)


def _keep(lab: Lab, case: Case, server: Server, name: str, settings: dict[str, Any], expected: int) -> None:
    """Make one run and look for the key in everything that it leaves and says."""
    key, tag, launcher = make_key(lab.seed), f"{case.name}-{name}", lab.launcher(case)
    folder = lab.folder / "runs" / tag
    server.set(**settings)
    keyed = partial(launcher, env={"OPENAI_API_KEY": key})
    lives = run_through(keyed, case.command(server, tag, folder.parent, *MORE), folder, parks=expected != 3)
    if expected == 3:
        # every refusal has the key at another place, once or twice where the error is cut
        lives += [keyed("resume", str(folder)) for _ in range(REFUSALS)]
    sent = sum(key in entry.sent for entry in server.log(tag))
    end = lives[-1]
    lab.say(f"{tag}: {sent} answers with the key in them; {tell_end(end)[:60]}")
    lives += [launcher("show", str(folder)), launcher("show", str(folder), "--cycle", "1")]
    files = [(path.relative_to(folder), path.read_bytes()) for path in folder.rglob("*") if path.is_file()]
    found = [leak for place, data in files for leak in find_key(str(place), data, key)]
    for life in lives:
        for stream, text in (("stdout", life.out), ("stderr", life.err)):
            found += find_key(f"{stream} of {life.args[0]}", text.encode(), key)
    size = sum(len(data) for _, data in files)
    told = f"{len(found)} places in {len(files)} files ({size:,} bytes) and {2 * len(lives)} outputs"
    lab.note(f"{NAME}: {tag}", "no byte of the run folder or of the outputs holds the key", told, not found, found)
    good = end.code == expected and sent > 0
    measured = f"exit {end.code}, {sent} answers held the key"
    lab.note(f"{NAME}: {tag}", f"the server repeats the key and the run ends with {expected}", measured, good)
