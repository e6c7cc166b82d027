"""The pages of the terminal: what a command shows of a run, a check or an experiment.

Must not know: how a run works or what starts it; a view is handed facts, or reads the record of a run.
"""
