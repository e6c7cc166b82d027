"""Command groups that the entry (`main`) adds to its own: options in, one call, a console to write to.

Must not know: `main`, what a task's answers look like. Nothing heavy is imported before a command needs it.
"""
