"""The process in which students are trained and answer: the parent's side, the child's side, and the pipes between.

Must not know: how a training works; it hands jobs over and results back.
"""
