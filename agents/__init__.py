"""The three LLM agents, what each task looks like on the wire, and below them the one door to the teacher (`llm`).

Must not know: the graph, the student's network, files of a run (it is handed a call store by whoever runs it).
"""
