"""What differs between tasks, a folder per task: what an answer is, how it is read, written, scored and learned.

Must not know: how a student is trained, or in which process.
"""
