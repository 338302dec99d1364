"""``cme rotate-key``: what keeps the record itself in order. cli.py imports this module."""

from typing import Annotated

from cyclopts import Parameter

from cme.cli import _office, app, out

Role = Annotated[str, Parameter(help="Your role: operations, ...")]


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
