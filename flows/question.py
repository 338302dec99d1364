"""Ask a person: read what was answered, ring if the question is still open, and suspend. No process is held while it waits.

Prefect runs the flow again from its first line on every resume, however it was resumed; so there is one way only: the rows
say whether the question is answered.
"""

import secrets

from prefect import suspend_flow_run

from cme.flows.forms import FORM, HEADING
from cme.tasks import bell, notify, oversee


def ask(case: str, kind: str) -> None:
    """Return once the question of this kind on the case is answered; until then, suspend this run with the form."""
    bell.read_answers(case, kind)
    rung = bell.ring(case, kind)
    if rung is None:
        return
    notify.send_mail()
    oversee.publish_history(case)      # only now: an answer is carried out first
    warning = f"> **Your last answer was not accepted: {rung.refusal}.** Please answer again.\n\n" if rung.refusal else ""
    text = f"{warning}{bell.whom_to_ring()}\n\n{HEADING[kind].format(reference=case)}\n\n{rung.summary}\n\nTo be answered by: {rung.due}"
    # a key of its own for every asking: Prefect never asks twice under one key, and our rows are the memory; d<n> is the dossier shown
    suspend_flow_run(wait_for_input=FORM[kind].with_initial_data(description=text), timeout=None,
                     key=f"{kind.replace('_', '-')}-{rung.number}-d{rung.dossier}-{secrets.token_hex(4)}")
