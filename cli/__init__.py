"""The command line: reads options, makes one call, writes to a console; errors become one line and an exit code.

Must not know: what a task's answers look like, how a run works. Nothing heavy is imported before a command needs it.
"""
