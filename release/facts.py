"""Facts about a run that the cards of its student and its data set tell."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from evokd.tracing.ledger import Ledger
from evokd.tracing.samples import Sample

STAND_INS = ("rehearsal", "recorded")
"""Teachers that are no language model that was called."""


@dataclass(frozen=True)
class Score:
    """A score of the published student."""

    split: str
    """`validation` or `test`."""
    metric: str
    value: float
    start: float | None = None
    """Of the student that was trained on the seeds alone."""
    rows: int | None = None
    """Labelled rows behind it; None: not on the record."""
    low: float | None = None
    """Ends of the 95 % interval; None where the rows are not on the record."""
    high: float | None = None


@dataclass(frozen=True)
class SampleCounts:
    """How many texts became what."""

    accepted: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    """Kind -> accepted texts."""
    weaknesses: list[tuple[str, str, int]] = field(default_factory=list)
    """Id and name of each weakness, and the accepted texts that were written for it, most first."""
    real: int = 0
    """Accepted texts of the user's own."""
    refused: dict[str, int] = field(default_factory=dict)
    """Reason -> texts."""
    disputed: int = 0
    """Accepted texts about which Generator and Labeler differed."""
    reviewed: int = 0
    """Accepted texts whose answer a person has looked at."""


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run."""

    run_id: str
    domain: str
    task: str
    preset: str
    teachers: list[str]
    """Names of the models that answered, most used first."""
    stand_in: str | None
    """`rehearsal` or `recorded` where no language model was called."""
    base: str
    """The untrained student as the run names it."""
    seed: int
    cycles: int
    tokens: tuple[int, int]
    """Read and written."""
    tokens_estimated: bool
    cost_usd: float | None
    """US dollars; None: the price is unknown."""
    prompts: list[tuple[str, str, str]]
    """Role, name with version, and hash of each prompt."""
    scores: list[Score]
    samples: SampleCounts
    refit: int = 0
    """Validation rows that the published student was trained on as well."""
    language: str | None = None
    description: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    """Label -> meaning; empty where the domain's folder is gone."""
    version: str = ""
    """Of this program."""


def count_samples(ledger: Ledger, reviewed: int) -> SampleCounts:
    """Count the samples of a run.

    Args:
        ledger: the run's.
        reviewed: accepted texts that a person has looked at.
    """
    samples = ledger.samples()
    accepted = [sample for sample in samples if sample.state == "accepted"]
    names = {row["id"]: row["name"] for row in ledger.weaknesses()}
    by_weakness = Counter(sample.weakness for sample in accepted if sample.weakness)
    refused = Counter(sample.reason or sample.state for sample in samples if sample.state in ("rejected", "tombstoned"))
    return SampleCounts(
        accepted=len(accepted),
        kinds=dict(Counter(sample.kind or "written" for sample in accepted).most_common()),
        weaknesses=[(name, names.get(name, name), count) for name, count in by_weakness.most_common()],
        real=sum(sample.is_real for sample in accepted),
        refused=dict(refused.most_common()),
        disputed=sum(sample.disputed for sample in accepted),
        reviewed=reviewed,
    )


def name_teachers(ledger: Ledger) -> list[str]:
    """The models that answered a run's calls, most used first."""
    rows = ledger.query("SELECT model, count(*) AS n FROM calls WHERE status != 'error' GROUP BY model ORDER BY n DESC")
    return [str(row["model"]) for row in rows]


def name_prompts(ledger: Ledger, config: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Role, name with version, and hash of each prompt, as the ledger has them, or else the run's configuration."""
    sets = ledger.prompt_sets()
    if sets:
        roles = sets[-1]["roles"]
        return [(role, f"{prompt['name']} v{prompt['version']}", prompt["hash"]) for role, prompt in roles.items()]
    prompts = config.get("prompts") or {}
    digests = prompts.get("digests") or {}
    return [(role, str(name), str(digests.get(role, ""))) for role, name in (prompts.get("files") or {}).items()]


def find_texts(ledger: Ledger, most: int, labelled: Iterable[str]) -> list[str]:
    """Texts of a run to check an exported student on, each once and none of them empty.

    Args:
        ledger: the run's.
        most: texts at most.
        labelled: texts of the user's rows, which come before the samples.
    """
    samples: list[Sample] = ledger.samples(state="accepted", first=most)
    texts = dict.fromkeys([*labelled, *(sample.text for sample in samples)])
    return [text for text in texts if text.strip()][:most]
