"""Batches of calls: which were sent, and which of their calls have no stored outcome yet."""

from typing_extensions import TypedDict

from evokd.messages import BY_BATCH, BatchRecord, read_batch_share
from evokd.tracing.reviews import Reviews

_ANSWERED = "SELECT 1 FROM calls WHERE calls.key = batch_rows.key AND status IN ('ok', 'fault')"


class BatchUse(TypedDict):
    """What calls by batch have cost."""

    calls: int
    cost_usd: float | None
    """None as soon as the price of one of them is unknown."""
    saved_usd: float | None
    """What they would have cost more if they had been made directly."""


class Batches(Reviews):
    """The ledger's tables of batches."""

    def add_batch(self, record: BatchRecord) -> None:
        """Store a batch that is about to be sent, with the keys of its calls."""
        with self._transaction():
            self._execute(
                "INSERT INTO batches (token, endpoint, model, created, batch) VALUES (?, ?, ?, ?, ?)",
                record.token,
                record.endpoint,
                record.model,
                record.created,
                record.batch,
            )
            for key in record.keys:
                self._execute("INSERT INTO batch_rows (token, key) VALUES (?, ?)", record.token, key)

    def name_batch(self, token: str, batch: str) -> None:
        """Store the id that the server gave a batch."""
        self._execute("UPDATE batches SET batch = ? WHERE token = ?", batch, token)

    def drop_batch(self, token: str) -> None:
        """Forget a batch that was never made, or that will bring nothing more."""
        with self._transaction():
            self._execute("DELETE FROM batch_rows WHERE token = ?", token)
            self._execute("DELETE FROM batches WHERE token = ?", token)

    def settle_row(self, token: str, key: str) -> None:
        """Note that a call has got its outcome from a batch, where that is no reply."""
        self._execute("UPDATE batch_rows SET settled = 1 WHERE token = ? AND key = ?", token, key)

    def _settle_faults(self, cycle: int) -> None:
        """Note that the faulty replies of a cycle are recorded: what is asked anew has the same keys."""
        self._execute(
            "UPDATE batch_rows SET settled = 1"
            " WHERE key IN (SELECT key FROM calls WHERE status = 'fault' AND cycle = ?)",
            cycle,
        )

    def open_batches(self, endpoint: str, model: str) -> list[BatchRecord]:
        """The batches with calls that have no stored outcome, the oldest first, each with the keys of these calls."""
        rows = self._rows(
            "SELECT token, created, batch, key FROM batches JOIN batch_rows USING (token)"
            f" WHERE endpoint = ? AND model = ? AND settled = 0 AND NOT EXISTS ({_ANSWERED})"
            " ORDER BY created, token, key",
            endpoint,
            model,
        )
        keys: dict[tuple[str, float, str | None], list[str]] = {}
        for row in rows:
            keys.setdefault((row["token"], row["created"], row["batch"]), []).append(row["key"])
        return [
            BatchRecord(token, endpoint, model, tuple(found), created, batch)
            for (token, created, batch), found in keys.items()
        ]

    def batch_use(self) -> BatchUse | None:
        """What the calls have cost whose replies came by batch; None where there is none."""
        rows = self._rows(
            "SELECT price_source AS source, count(*) AS calls, sum(cost_usd) AS cost FROM calls"
            " WHERE status != 'error' AND flags LIKE ? GROUP BY price_source",
            f'%"{BY_BATCH}"%',  # a list of names as JSON
        )
        if not rows:
            return None
        calls = sum(row["calls"] for row in rows)
        if any(row["cost"] is None for row in rows):
            return BatchUse(calls=calls, cost_usd=None, saved_usd=None)
        cost = sum(row["cost"] for row in rows)
        shares = [read_batch_share(row["source"]) for row in rows]
        if not all(shares):  # free of charge, or of another version
            return BatchUse(calls=calls, cost_usd=cost, saved_usd=None)
        direct = sum(row["cost"] / share for row, share in zip(rows, shares, strict=True) if share)
        return BatchUse(calls=calls, cost_usd=cost, saved_usd=direct - cost)
