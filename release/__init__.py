"""What people take away from a run: the student for plain transformers or onnxruntime, the data set, their cards.

It must not know any agent, prompt or graph, nor how pages and exporters read a run; its facts are handed to it.
"""
