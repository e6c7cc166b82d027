"""A large pool on disk: its texts, their vectors in shards, and which of its lines may be looked at.

Must not know: the settings, the run, or where vectors come from.
"""
