"""What of a domain is still as `evokd init` writes it, and would make a language model label badly."""

from evokd.graph.setup.domain import Domain
from evokd.messages.naming import PLACEHOLDER


def advise_words(domain: Domain) -> list[str]:
    """Advise to replace example rows."""
    advice = []
    examples = sum(row.text.startswith(PLACEHOLDER) for row in domain.seeds)
    if examples:
        rows = "1 seed is an example" if examples == 1 else f"{examples} seeds are examples"
        advice.append(f"{rows} of {domain.folder / domain.file.data.seeds}; replace them by texts of your own")
    return advice
