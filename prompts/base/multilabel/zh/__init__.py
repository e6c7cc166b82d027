"""Shipped prompt files; no code."""
