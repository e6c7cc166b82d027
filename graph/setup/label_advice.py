"""What of a domain is still as `evokd init` writes it, and would make a language model label badly."""

from evokd.graph.setup.domain import Domain
from evokd.messages.naming import PLACEHOLDER, repeats_name

_SHOWN = 6


def advise_words(domain: Domain) -> list[str]:
    """Advise to write what label meanings do not say, and to replace example rows."""
    path = domain.folder / "domain.yaml"
    advice = []
    bare = [label for label, meaning in domain.file.labels.items() if repeats_name(label, meaning)]
    if bare:
        shown = ", ".join(bare[:_SHOWN]) + (f" and {len(bare) - _SHOWN} more" if len(bare) > _SHOWN else "")
        advice.append(
            f"the meanings of {shown} only repeat the names; say in {path} when each label applies,"
            " and what decides against the one that it is confused with"
        )
    examples = sum(row.text.startswith(PLACEHOLDER) for row in domain.seeds)
    if examples:
        rows = "1 seed is an example" if examples == 1 else f"{examples} seeds are examples"
        advice.append(f"{rows} of {domain.folder / domain.file.data.seeds}; replace them by texts of your own")
    return advice
