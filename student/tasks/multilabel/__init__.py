"""Multi-label classification: an answer is the list of all labels that apply to a text, perhaps none.

Must not know: other tasks, or how a student is trained.
"""
