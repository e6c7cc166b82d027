"""Backtests: cells, measures, tables, and one that runs for real."""
