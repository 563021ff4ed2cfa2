"""The driver of a search: Ray Tune's loop, the ledger, resuming, signals and the export."""
