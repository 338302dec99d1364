"""Flows say the order of things: schedule, retries, pause. Never a query, never a rule."""

import gc

# every run is a process of its own that has just imported Prefect, half a million objects which stay to its end: not to be walked
# through again and again while our own modules are imported
gc.freeze()
