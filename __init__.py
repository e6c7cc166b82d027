"""EvoKD: distil a large language model into a small model for your own domain, by watching where the small model fails.

Must not know: what any room does; it hands on their public functions. Importing it loads none of them.
"""
