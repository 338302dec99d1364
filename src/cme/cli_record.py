"""``cme verify``, ``anchor``, ``rotate-key`` and ``database roles``: what keeps the record itself in order. cli.py imports this module."""

from typing import Annotated

from cyclopts import App, Parameter

from cme.cli import _office, app, out

Role = Annotated[str, Parameter(help="Your role: operations, ...")]


@app.command
def verify(*, anchor: Annotated[str, Parameter(help="A file of anchors, or one as it stands in the head's mail: N:HASH.")] = "") -> None:
    """Check the whole record: whatever was changed, removed, put in, moved, cut off or written anew is named with its place.

    It is compared with the anchors of CME_ANCHOR_FILE; with --anchor also with others, from another place.
    """
    from cme.errors import Permanent
    from cme.steps.anchor import check

    with _office() as office:
        faults, held = check(office, anchor)
    if faults:
        raise Permanent("the record is not whole:\n  - " + "\n  - ".join(faults))
    out.print("[green]The history is whole.[/] " + (f"It fits {len(held)} anchor(s), the last of event {max(a.event for a in held)}." if held else
              "[yellow]There is no anchor to compare it with[/]: its end could have been cut off unseen. `cme anchor` makes one."))


@app.command
def anchor(*, by: Role = "operations") -> None:
    """Note the head of the history outside the database now: in CME_ANCHOR_FILE, and by a mail to the head. Otherwise once a day."""
    from cme.config.settings import require_role
    from cme.steps.anchor import make

    with _office() as office:
        require_role(by, office.settings.people)
        made = make(office, office.stamp(by))
        out.print(f"{made}\nIt stands in {office.settings.anchors}, and is on its way to the head. Keep it where who runs the database cannot change it.",
                  markup=False)


@app.command
def rotate_key(*, forget_former: Annotated[bool, Parameter(negative="", help="Forget the keys of before, once nothing needs them.")] = False,
               by: Role = "operations") -> None:
    """Seal everything again by a new key. Stopped half-way, the same command goes on; what was sealed before stays readable meanwhile.

    Keep the key of before as long as you keep backups made with it. Copy the new one to where you keep your keys.
    """
    from cme.config.settings import require_role
    from cme.steps.keys import forget_former as forget
    from cme.steps.keys import rotate

    with _office() as office:
        require_role(by, office.settings.people)
        place = office.settings.secret_keys.place
        if forget_former:
            out.print(f"Forgotten: {', '.join(forget(office, by))}. Only key {office.sealer.ids[0]} is left in {place}.")
            return
        done = rotate(office, by, lambda column, rows: out.print(f"  {column}: {rows} rows", markup=False))
        out.print(f"{sum(done.values())} values are sealed by key {office.sealer.ids[0]} now; it stands in {place}. Copy it to where you keep "
                  "your keys. Older backups need the key of before.")


database = App(name="database", help_format="markdown", help="The database on a server of your own: `cme database roles`.")
app.command(database)


@database.command
def roles(*, sql: Annotated[bool, Parameter(negative="", help="Only print the statements, for your database administrator.")] = False) -> None:
    """Make the roles cme_app (the product: cannot change history) and cme_reader (reports) and give them their rights; again changes nothing.

    Connects as CME_DATABASE_OWNER_URL, else CME_DATABASE_URL. The roles have no password until you give them one.
    """
    from cme.config.settings import load_settings
    from cme.steps.database_roles import as_sql, make

    settings = load_settings()
    if sql:
        for statement in as_sql(settings):
            print(statement)
        return
    who = make(settings)
    out.print(f"cme_app and cme_reader have their rights, given by {who}. Give them passwords (\\password cme_app in psql), name cme_app in "
              f"CME_DATABASE_URL and {who} in CME_DATABASE_OWNER_URL.", markup=False)
