"""Styled text for the terminal in which texts of users and models stand."""

from rich.text import Text

from evokd.messages.escape import clean

_HIDE = str.maketrans({"[": "\ue000", "\\": "\ue001"})
_UNHIDE = str.maketrans({"\ue000": "[", "\ue001": "\\"})


def literal(text: str, limit: int | None = None) -> str:
    """Clean a text and make it safe inside markup that is printed through `paint`."""
    # What a bracket or a backslash means to rich depends on the text behind it, which rich.markup.escape ignores.
    return clean(text, limit).translate(_HIDE)


def paint(markup: str) -> Text:
    """Turn markup with `literal` texts in it into styled text; names of emoji such as :bug: are not replaced."""
    painted = Text.from_markup(markup, emoji=False)
    painted.plain = painted.plain.translate(_UNHIDE)
    return painted
