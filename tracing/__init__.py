"""What happened in a run: the ledger, the events and the summary.

Must not know: how an agent asks, how a student learns, what the graph does next, how a terminal looks.
"""
