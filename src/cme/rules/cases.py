"""The states of a case, and the only ways from one to the next.

Beside the enum stands the table TRANSITIONS: the steps, the event each writes, who may take it, the message that goes out. The words of
each event are ``cme.steps.view.WORDS``; tests prove each complete.

A case begins with parent contact and always comes before the designated safeguarding lead: no transition out of
``DSL_REVIEW`` exists that a machine takes by itself. Source: the school's Children Missing in Education Procedure.
"""

from dataclasses import dataclass
from enum import StrEnum

from cme.errors import Permanent


class CaseState(StrEnum):
    """Where a case stands."""

    PARENT_CONTACT = "parent contact"      # the attendance officer establishes the reason with parents or carers
    DSL_REVIEW = "DSL review"              # waits for a decision of the DSL
    CONFIRMING = "confirmation"            # the DSL decided against a referral, or to close; a second person must confirm
    NOTIFYING = "notifying"                # approved; the message to the local authority is on its way
    NOTIFIED = "notified"                  # accepted by the mail server; waits for the authority's acknowledgement
    FOLLOWING_UP = "following up"          # chosen actions run; comes back to the DSL on a date
    CLOSED = "closed"


@dataclass(frozen=True)
class Transition:
    """One permitted step: the event it writes, who alone may take it, and the message (kind of letter) that calls whoever acts next, empty
    where nobody new must act; NOTIFICATION stands for the one of the five messages that was decided on."""

    event: str
    by: str          # "machine" (anyone may, also a sweep), "dsl" (only a recorded decision), "second" (only a recorded confirmation)
    meaning: str
    message: str = ""


NOTIFICATION = "the notification decided on"
S = CaseState
TRANSITIONS: dict[tuple[CaseState, CaseState], Transition] = {
    (S.PARENT_CONTACT, S.DSL_REVIEW): Transition(
        "case.to_dsl", "machine", "contact has an outcome, or no answer came in the configured time", "review_call"),
    (S.DSL_REVIEW, S.NOTIFYING): Transition("case.approved", "dsl", "the DSL decides to notify the local authority", NOTIFICATION),
    (S.DSL_REVIEW, S.FOLLOWING_UP): Transition("case.followed_up", "dsl", "the DSL decides on actions or further enquiries"),
    (S.DSL_REVIEW, S.CLOSED): Transition("case.closed", "dsl", "the DSL decides that the child is safe and in education"),
    (S.DSL_REVIEW, S.CONFIRMING): Transition(
        "case.to_second_person", "dsl", "the DSL decides to close, or against a referral, and the school asks for a second person",
        "confirmation_call"),
    (S.CONFIRMING, S.CLOSED): Transition("case.closed", "second", "the second person confirms that the case may be closed"),
    (S.CONFIRMING, S.FOLLOWING_UP): Transition("case.followed_up", "second", "the second person confirms that there is no referral now"),
    (S.CONFIRMING, S.DSL_REVIEW): Transition(
        "case.back_to_dsl", "machine", "the second person does not confirm, or a concern about safety", "review_call"),
    (S.NOTIFYING, S.NOTIFIED): Transition("case.notified", "machine", "the mail server has accepted the notification"),
    (S.NOTIFIED, S.NOTIFYING): Transition("case.returned", "machine", "the message came back undelivered", NOTIFICATION),
    (S.NOTIFIED, S.FOLLOWING_UP): Transition("case.acknowledged", "machine", "a person records the authority's acknowledgement"),
    (S.FOLLOWING_UP, S.DSL_REVIEW): Transition("case.back_to_dsl", "machine", "the follow-up date has come, or new facts", "review_call"),
    (S.NOTIFIED, S.DSL_REVIEW): Transition("case.back_to_dsl", "machine", "no acknowledgement, after a reminder and a call", "review_call"),
}


class ForbiddenTransition(Permanent):
    """The step is not one the procedure knows, or not one that this actor may take."""


BY = {"machine": "a person or a sweep", "dsl": "a decision of the DSL", "second": "a confirmation by a second person"}


def check_transition(before: CaseState, after: CaseState, *, decided: bool = False, confirmed: bool = False) -> Transition:
    """The transition from ``before`` to ``after``; raises ForbiddenTransition with the sentence a person reads.

    ``decided`` is True only where a decision row of the safeguarding review is written in the same transaction, ``confirmed`` only
    where a confirmation row of another person is.
    """
    step = TRANSITIONS.get((before, after))
    if step is None:
        raise ForbiddenTransition(f"a case cannot go from {before.value!r} to {after.value!r}")
    if step.by == "dsl" and not decided:
        raise ForbiddenTransition(f"only a recorded decision of the DSL takes a case from {before.value!r} to {after.value!r}")
    if step.by == "second" and not confirmed:
        raise ForbiddenTransition(f"only the confirmation of a second person takes a case from {before.value!r} to {after.value!r}")
    return step


def diagram() -> str:
    """The states and steps as a Mermaid state diagram (docs/case-states.md)."""
    name = {state: state.name.title().replace("_", "") for state in CaseState}
    lines = ["stateDiagram-v2", f"    [*] --> {name[S.PARENT_CONTACT]}: a threshold is crossed"]
    lines += [f"    {name[state]}: {state.value}" for state in CaseState]
    lines += [f"    {name[a]} --> {name[b]}: {step.meaning}" for (a, b), step in TRANSITIONS.items()]
    return "\n".join([*lines, f"    {name[S.CLOSED]} --> [*]"])


def page() -> str:
    """docs/case-states.md: the diagram and the table, generated from TRANSITIONS."""
    rows = "\n".join(f"| {a.value} | {b.value} | `{step.event}` | {BY[step.by]} "
                     f"| {step.meaning} | {step.message.replace('_', ' ') or 'none'} |" for (a, b), step in TRANSITIONS.items())
    return ("# The states of a case\n\nGenerated from `src/cme/rules/cases.py` (`python -m cme.rules.cases > docs/case-states.md`); a test "
            "compares.\n\nOnly a recorded decision of the DSL takes a case out of the DSL review, and only the confirmation of a second "
            "person out of the confirmation. Every open case has a next step with a "
            f"due time and an owner.\n\n```mermaid\n{diagram()}\n```\n\n| From | To | Event | Taken by | When | Message |\n|---|---|---|---|---|---|\n{rows}\n")


if __name__ == "__main__":
    print(page(), end="")
