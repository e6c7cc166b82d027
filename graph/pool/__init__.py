"""A large pool on disk: its texts, their vectors in shards, their groups, and which lines a cycle looks at.

Must not know: the settings, the run, or where vectors come from.
"""
