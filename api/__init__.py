"""The public Python API, which `import evokd` hands on: start runs, read them, ask their students.

Must not know: the command line, or how a run works; it names what the other rooms do, and checks what it is given.
"""
