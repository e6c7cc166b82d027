"""The small model: data, task codecs, training, prediction, scores, curation.

It must not know any agent, prompt, graph or trace; of ours it imports `messages` alone.
"""
