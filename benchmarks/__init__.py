"""Benchmarks: figures with the commands that make them again. Not installed with the package."""
