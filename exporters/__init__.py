"""The record of a run, in the formats of other tools: spans for OpenTelemetry, a run of MLflow.

Must not know: how a run works or how a terminal looks. It reads what `tracing` has stored, and changes nothing in it.
"""
