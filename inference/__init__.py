"""What a trained student is for: answer the rows of a file, write them down with everything else, score them.

It must not know how the student came about: no agent, no prompt, no graph, no trace.
"""
