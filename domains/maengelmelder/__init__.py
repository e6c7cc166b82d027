"""The shipped domain of reports to a town's defect app, in German, with prompts of its own; data only."""
