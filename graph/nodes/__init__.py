"""The nodes of the graph: each reads ids from the state, works on the context, and returns the keys that it changes.

Must not know: which node comes next, or the checkpointer.
"""
