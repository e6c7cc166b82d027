"""What a run is made of before it starts: settings, domain, data, plan, run folder, and what may change on resume.

Must not know: the nodes and the state of the graph, the clients that call a teacher.
"""
