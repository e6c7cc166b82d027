"""The shipped domain of field reports; data only."""
