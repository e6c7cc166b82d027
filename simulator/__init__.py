"""What plays the language model: OpenAI-compatible apps that answer from a labelled corpus or a recording.

Must not know: the student, the graph, the prompts, the ledger; of ours it reads `messages` alone.
"""
