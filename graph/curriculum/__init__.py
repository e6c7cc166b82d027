"""The curriculum: which cases the Analyst sees, what the Generator is asked for, which drafts are learned.

Pure functions over messages and settings; it must not know the ledger, the teacher, the student or a task by name.
"""
