"""Prompt sets as files, and their loader.

Must not know: who sends a prompt, or what a run is; it turns files into text.
"""
