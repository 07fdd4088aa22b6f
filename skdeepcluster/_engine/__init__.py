"""Learning: torch in, arrays out. Nothing here imports an estimator."""
