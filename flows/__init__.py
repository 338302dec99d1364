"""Flows say the order of things: schedule, retries, pause. Never a query, never a rule."""
