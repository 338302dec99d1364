"""Tasks: the steps of the procedure as Prefect sees them. One task is one transaction and one history event.

Parameters, results, names and log lines are opaque: case references, dates, counts and statuses.
"""
