"""Pages about a run: one report file, live pages, notebooks. They show which errors bought which texts, to what effect.

It reads the record (ledger, events, summary, configuration) and must not know graph, agents or student.
"""
