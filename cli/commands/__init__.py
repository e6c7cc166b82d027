"""A module per command: options in, one call of the public API, its result to a view.

Must not know: the other commands, or any room but the API. Nothing heavy is imported before a command needs it.
"""
