"""From somebody's own file, an export or nothing to a domain folder: rows recognised, labels counted, splits drawn.

It must not know any agent, prompt, graph or trace; it reads with `student.reading` and answers with `student.tasks`.
"""
