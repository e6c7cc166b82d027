"""Notices that a server has read less of a prompt than it was sent, as Ollama does where the context is too short."""

LEAST_READ = 1_000
"""Tokens read; a server that reports fewer does not count prompts as others do, since no context is that short."""
MOST_CHARACTERS = 8
"""Characters of a token, on average, that no tokenizer reaches in a prompt; the estimate has 4."""
PAGE = 256
"""The length of a context is a multiple of this."""
CLEARLY_LONGER = 1.05
"""Prompts whose lengths differ by this factor cannot have the same number of tokens."""


class PromptGauge:
    """Compares the tokens that one model reports to have read with the lengths of the prompts."""

    def __init__(self) -> None:
        self._most = 0
        self._first = 0
        """Estimate of the first prompt for which so many were reported."""

    def is_cut(self, estimate: int, reported: int) -> bool:
        """Whether the server has probably left out a part of a prompt.

        Two signs: far fewer tokens than the characters can make, or the largest number so far, a multiple of 256, for
        prompts of different lengths.

        Args:
            estimate: a quarter of the prompt's characters.
            reported: input tokens by the server's count.
        """
        if reported < LEAST_READ:
            return False
        if reported < estimate * 4 / MOST_CHARACTERS:
            return True
        if reported > self._most:
            self._most, self._first = reported, estimate
        if reported < self._most or reported % PAGE:
            return False
        return max(estimate, self._first) > min(estimate, self._first) * CLEARLY_LONGER
