"""Shipped domains: one folder each, with domain.yaml, data and any prompts that differ from the base set.

Must not know: anything; there is no code here.
"""
