"""Keep what torch, transformers and onnxruntime say about their own workings off the terminal."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Show no progress bar, no warning and no line of a log of others; errors are raised as always."""
    from transformers.utils import logging as transformers_logging

    before = logging.root.manager.disable
    had_bars = transformers_logging.is_progress_bar_enabled()
    logging.disable(logging.WARNING)
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        if had_bars:
            transformers_logging.enable_progress_bar()
