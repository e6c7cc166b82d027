"""Shipped domains: a folder each with domain.yaml, data and, where they differ from the base set, prompts.

Must not know: anything; there is no code here.
"""
