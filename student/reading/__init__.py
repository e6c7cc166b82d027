"""One reader for every format of data file: labelled rows, unlabelled texts and texts to predict are cut alike.

It must not know what a row means (`student.tasks.base`), nor any agent, prompt, graph or trace.
"""
