"""The rehearsal teacher: an OpenAI-compatible app that plays the language model from a labelled corpus, without state.

Must not know: the student, the graph, the prompts, the ledger; of ours it reads `agents.messages` alone.
"""
