"""Import large libraries quickly."""

import gc
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def import_quickly(module: str) -> None:
    """Import a large library, unless it is there already, so that an `import` of it takes no time; see `without_gc`.

    Args:
        module: its full name.

    Raises:
        ImportError: there is no such module.
    """
    if module not in sys.modules:
        with without_gc():
            importlib.import_module(module)


@contextmanager
def without_gc() -> Iterator[None]:
    """Do not look for garbage in this block, which imports, nor later among what is there when it ends.

    What imports make stays. To look through it takes a quarter of the time of the imports, and a tenth again each time
    that all objects are looked through. Whatever else is there when the block ends is not looked through either, so
    blocks must be few.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
