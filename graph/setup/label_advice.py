"""What of a domain is still as `evokd init` writes it, and would make a language model label badly."""

from evokd.graph.setup.domain import Domain
from evokd.messages.naming import PLACEHOLDER


def advise_words(domain: Domain) -> list[str]:
    """Advise to replace example rows."""
    advice = []
    examples = sum(row.text.startswith(PLACEHOLDER) for row in domain.seeds)
    if examples:
        rows = "1 row" if examples == 1 else f"{examples} rows"
        advice.append(
            f"{rows} of {domain.folder / domain.file.data.seeds} only show the form; put your own texts there"
        )
    return advice
