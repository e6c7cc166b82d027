"""The three LLM agents, the one door to the teacher behind them, and the messages all rooms exchange.

Must not know: the graph, the student's network, files of a run (it is handed a call store by whoever runs it).
"""
