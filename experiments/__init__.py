"""Experiments: many runs that differ in one thing, planned together, run on all cores, compared on test data.

Must not know: what a task's answers look like, how a terminal looks. It drives `graph.runner` from outside.
"""
