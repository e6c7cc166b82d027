"""A run's record in a Postgres database: address, connections that heal, lock, ledger, files of the run folder.

Must not know: what the rows of the ledger mean, nor who else uses the database.
"""
