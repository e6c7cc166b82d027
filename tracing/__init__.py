"""What happened in a run: the ledger, the events, the summary and the pages made from them.

Must not know: how an agent asks, how a student learns, what the graph does next. Of ours it imports the messages alone.
"""
