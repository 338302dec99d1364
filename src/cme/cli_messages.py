"""``cme messages``, ``draft``, ``password``, ``ill``, ``roll-change``, ``home-schools``: the five messages, on the school's own machine."""

from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich import box
from rich.table import Table

from cme.cli import Day, _office, app, out
from cme.cli_day_one import Role


@app.command
def messages() -> None:
    """List the five messages: when each is sent, by what law, to whom, who approves it, by when, and what this authority asks for."""
    from cme.rules.message_fields import FIELDS, TOGETHER
    from cme.rules.messages import MESSAGES

    with _office() as office:
        authority = office.policies.authority
        for message in MESSAGES.values():
            wanted = authority.messages[message.key]
            asked = dict.fromkeys((*message.required, *wanted.required_fields))
            table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
            for label, text in (("When", message.trigger), ("Basis", message.basis), ("To", message.recipient), ("Approved by", message.approver),
                                ("By when", message.deadline), (f"{authority.name}: form", wanted.form),
                                ("Goes to", wanted.mailbox if wanted.channel == "mail" else "by telephone only"),
                                ("Protected by", "a password told by telephone" if wanted.protection == "pdf_password" else "TLS"),
                                ("Asks for", ", ".join(TOGETHER.get(name) or FIELDS[name].lower() for name in asked))):
                table.add_row(label, text)
            out.print(f"[bold]{message.subject}[/]")
            out.print(table)
            out.print()


@app.command
def draft(case: str, kind: Annotated[str, Parameter(help="cme_referral, attendance_return, sickness_return or day_one_report.")] = "day_one_report", *,
          to: Annotated[Path | None, Parameter(name="--out", help="Where to; by default <case>.pdf here.")] = None, by: Role = "dsl") -> None:
    """Write a message of a case as it would leave now, to read or to have in hand while ringing. It sends nothing and decides nothing."""
    from cme.steps.day_one_report import draft as make

    with _office() as office:
        path, lacks = make(office, case, kind, office.stamp(by), to)
        a = office.policies.authority
        if kind == "day_one_report":
            out.print(f"[bold]Ring now: police {a.police_emergency}, children's services {a.childrens_services}.[/] The paper is not the report.")
        out.print(f"Asked for, and not on record: {'; '.join(lacks)}." if lacks else "Nothing that is asked for is missing.")
        out.print(f"{path} names the child and can be read by you alone. Never send it by e-mail; destroy it when it is done with.")


@app.command
def password(reference: str, *, told: Annotated[str, Parameter(help="To whom you read it out, at the authority.")], by: Role) -> None:
    """Show the password of a protected message, to be read out by telephone. Never write it into a mail. Who saw it is in the history."""
    from cme.steps.passwords import passwords

    with _office() as office:
        for row, word in passwords(office, reference, told, office.stamp(by)):
            out.print(f"message {row}:  [bold]{word}[/]")


@app.command
def ill(pupil: Annotated[str, Parameter(help="The child's reference, as P-1042; `cme pupil` finds it.")], *,
        first: Annotated[date, Parameter(name="--from", help="The first day of the illness.")],
        until: Annotated[date, Parameter(name="--until", help="The day on which it is expected to end.")], by: Role) -> None:
    """Record how long an illness is expected to last. From fifteen school days on, the DSL is asked whether a sickness return is sent."""
    from cme.steps.sickness import forecast

    with _office() as office:
        reference = forecast(office, pupil, first, until, office.stamp(by))
        out.print(f"{reference}: a sickness return is proposed to the DSL." if reference
                  else "That is too short for a sickness return; nothing was recorded.")


@app.command
def roll_change(pupil: Annotated[str, Parameter(help="The child's reference, as P-1042; `cme pupil` finds it.")], *,
                entered: Annotated[date | None, Parameter(help="The day on which you entered the name.")] = None,
                deleted: Annotated[date | None, Parameter(help="The day on which you deleted the name.")] = None,
                ground: Annotated[str, Parameter(help="Of a deletion: the letter of regulation 9(1).")] = "",
                new_school: str = "", new_school_start: Day = None, new_address: str = "",
                send: Annotated[bool, Parameter(negative="", help="Send the return; without it, it is only shown.")] = False, by: Role) -> None:
    """Show, or with --send send, the return of a change that you have made to the roll. The software changes no roll and advises none."""
    from cme.errors import BadInput
    from cme.steps.roll_change import RollChangeMade, roll_change_return

    if (entered is None) == (deleted is None):
        raise BadInput("say either --entered or --deleted, with the day")
    made = RollChangeMade("entered" if entered else "deleted", entered or deleted or date.min, ground.lower(), new_school, new_school_start, new_address)
    with _office() as office:
        done = roll_change_return(office, pupil, made, office.stamp(by), send=send)
        out.print(f"Asked for, and not held: {'; '.join(done.lacks)}. The return says so." if done.lacks else "Nothing that is asked for is missing.")
        out.print(f"Due {done.due}.")
        out.print(f"{done.reference}: on its way to {done.to}." if done.sent else f"Nothing was sent. With --send it goes to {done.to}.")


@app.command
def home_schools(reference: str = "", *, day: Day = None, told: Annotated[str, Parameter(help="Whom you told by telephone.")] = "",
                 by: Role = "") -> None:
    """List which schools of registration were told of which absence (today, or --day); with --told: record that you have rung."""
    from cme import clock
    from cme.steps import home_school, reads

    with _office() as office:
        if told:
            home_school.rung(office, reference, told, office.stamp(by))
        table = Table("reference", "session", "child", "school of registration", "mark", "told", box=box.SIMPLE)
        rows = home_school.notices(office, day or clock.today(), reference)
        reads.read(office, "school", "cme home-schools", by)
        for row in rows:
            table.add_row(row.reference, row.when, row.child, row.school, row.code, "by e-mail" if row.by_mail else "to be rung")
        out.print(table if rows else "No school of registration was told of an absence.")
