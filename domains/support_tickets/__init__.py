"""The shipped domain of customer-support tickets; data only."""
