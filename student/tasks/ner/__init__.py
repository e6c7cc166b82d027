"""Named-entity recognition: an answer is a list of spans with labels.

Must not know: other tasks, or how a student is trained.
"""
