"""A finding about a domain or a planned run: what is wrong or could be better, where, and how to mend it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["error", "warning", "hint"]
LEVELS: tuple[Level, ...] = ("error", "warning", "hint")
"""From heavy to light: a run cannot work; its scores or its money are at risk; it could be better."""


@dataclass(frozen=True)
class Finding:
    """One finding."""

    level: Level
    code: str
    """Stable name of this kind of finding, such as `label_missing`."""
    place: str
    """File, `file:line`, setting or address; empty where it is about the whole domain."""
    text: str
    """What is the case, in one line."""
    mend: str
    """How to mend it, in one line."""

    @property
    def note(self) -> str:
        """The finding as one line."""
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.text}" + (f"; {self.mend}" if self.mend else "")

    def to_json(self) -> dict[str, Any]:
        """The finding as JSON: level, code, place, text, mend."""
        return asdict(self)


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings by weight: errors, warnings, hints; each in the order given, each once."""
    return sorted(dict.fromkeys(findings), key=lambda finding: LEVELS.index(finding.level))
