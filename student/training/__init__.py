"""Training: all weights or the output layer alone, batches, doubtful labels, and faults that a second try mends.

Must not know: what an answer means (`student.tasks` does), or in which process it runs.
"""
