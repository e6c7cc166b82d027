"""The state machine: configuration tree, domain, state, nodes, routing, and the functions that start and resume a run.

Must not know: what a task's answers look like, how a model is called, how a terminal looks. It joins the other rooms.
"""
