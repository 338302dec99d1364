"""``cme replies`` and ``cme texts``: what parents answered, and whether texts can be sent. cli.py imports this module to register them."""

from typing import Annotated

from cyclopts import Parameter
from rich.panel import Panel

from cme.cli import _office, app, out
from cme.cli_day_one import Role


@app.command
def replies(number: int | None = None, *, done: Annotated[str, Parameter(help="What came of it, in a few words.")] = "", by: Role = "") -> None:
    """List the replies of parents that nobody has seen to, or show one; with --done and --by: say what came of it.

    A reply changes nothing by itself. Record the reason of an absence where you are asked for it.
    """
    from cme.errors import BadInput
    from cme.steps import reads
    from cme.steps import replies as steps

    with _office() as office:
        if done:
            if number is None:
                raise BadInput("say which reply it was: cme replies NUMBER --done ... --by ROLE")
            steps.done(office, number, done, office.stamp(by))
            out.print(f"Reply {number} is recorded as seen to.")
            return
        rows = [reply for reply in steps.waiting(office) if number in (None, reply.number)]
        reads.read(office, "school", f"cme replies: {len(rows)} shown", by)
        for reply in rows:
            lines = [reply.text, "", *(f"! {warning}" for warning in reply.warnings), f"about: {', '.join(reply.about) or 'no open case or request'}",
                     *(f"from:  {person}" for person in reply.people)]
            out.print(Panel("\n".join(lines).replace("[", r"\["), title=f"reply {reply.number}, {reply.channel} of {office.shown_time(reply.at)}",
                            subtitle=reply.sender, title_align="left", subtitle_align="left"))
    if not rows:
        out.print("No reply waits for a person." if number is None else f"No reply {number} waits for a person.")


@app.command
def texts() -> None:
    """Say whether text messages can be sent: asks the text service for the template, and counts what became of the texts."""
    from cme.config.texts import NO_TEXTS
    from cme.steps.texts import counts

    with _office() as office:
        service = office.text_service()
        if service is None:
            out.print(NO_TEXTS, markup=False)
            return
        service.check()
        out.print("The text service answers, and its template is right.")
        for what, n in counts(office).items():
            out.print(f"  {n} {what}")
