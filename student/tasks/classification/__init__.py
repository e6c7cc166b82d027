"""Text classification: an answer is a label.

Must not know: other tasks, or how a student is trained.
"""
