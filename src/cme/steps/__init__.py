"""The steps of the school's written procedure, each a transaction with its history event.

Nothing here knows Prefect: the tasks wrap these steps with retries and names, the command line calls them as they are, and
they work while Prefect is down.
"""
