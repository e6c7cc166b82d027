"""The command line: options in, one call, a console to write to; errors become one line and an exit code.

Must not know: what a task's answers look like, how a run works. Nothing heavy is imported before a command needs it.
"""
