"""The one door to a language model: requests, limits, budget, retries, parsing, and the record of every call.

Must not know: what an agent asks for or why; it gets turns and a reply class, and returns a checked reply.
"""
