"""Begin parent contact."""

from cme.steps import contact
from cme.tasks.fate import office, stamp, step


@step("write to the parent or carer")
def begin_contact(case: str) -> None:
    """Queue the approved text to the first contact and open the attendance officer's question, once."""
    contact.begin_contact(office(), case, stamp())
