"""Text of users and models on its way to a terminal."""


def clean(text: str, limit: int | None = None) -> str:
    """Make a text safe and short for one line: control sequences out, white space folded, cut with an ellipsis.

    Args:
        text: anything.
        limit: characters at most.
    """
    folded = " ".join("".join(char if char.isprintable() or char.isspace() else "\ufffd" for char in text).split())
    if limit is not None and len(folded) > limit:
        return folded[: limit - 1] + "\u2026"
    return folded
