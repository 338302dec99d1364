"""The door people come in by: what stands before Prefect's server. Knows nothing of Prefect but a few of its addresses."""
