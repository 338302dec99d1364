"""Checks of the ladder of contact and of what holds messages to parents back, over more than one value."""

from collections.abc import Iterator

from cme.config.shapes import SchoolFile


def contact(held: SchoolFile) -> Iterator[str]:
    """The rungs in their order, each limit in its unit, and quiet hours that run from an evening to a morning."""
    rungs = [getattr(held.contact_ladder, name).value for name in ("next_person", "call", "visit", "dsl")]
    if rungs != sorted(rungs):
        yield "school.yaml: contact_ladder: next_person, call, visit and dsl must come in this order; correct the minutes"
    brakes = held.message_brakes
    for place, limit, unit in (("share_of_roll", brakes.share_of_roll, "percent"), ("share_from", brakes.share_from, "children"),
                               ("a_minute", brakes.a_minute, "messages")):
        if limit.unit != unit:
            yield f"school.yaml: message_brakes, {place}: the unit must be {unit!r}, not {limit.unit!r}; correct it"
    if brakes.quiet_until.value >= brakes.quiet_from.value:
        yield "school.yaml: message_brakes: the quiet hours begin in the evening and end in the morning; correct quiet_from or quiet_until"
