"""``cme bundle`` and ``cme export concern``: a child's record for somebody outside, and for the safeguarding record. cli.py imports this."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from cme.cli import _office, app, out
from cme.cli_day_one import Role


@app.command
def bundle(reference: Annotated[str, Parameter(help="A child (P-1042; `cme pupil` finds it) or a case (CME-2026-0012).")], *,
           recipient: Annotated[str, Parameter(name="--for", help="\"local authority\", court, \"next school\", \"subject access\" (disclosure.yaml).")],
           to: Annotated[Path, Parameter(name="--out", help="A new folder; nothing is written over.")], by: Role) -> None:
    """Write the chronology of a child or case: pages, tables, data, attachments, and a manifest of hashes.

    What is shown depends on the recipient. It names the child: read it before it leaves, and send it by a protected way.
    """
    from cme.steps.bundle import make_bundle

    with _office() as office:
        made = make_bundle(office, reference, recipient, to, office.stamp(by))
    out.print(f"{made.folder}: {len(made.files)} files, readable by you alone. SHA256SUMS holds their hashes.")
    out.print("Text about third parties replaced: " + (", ".join(f"{what} {n}" for what, n in made.replaced.items()) or "none found") + ".", markup=False)
    for sentence in made.left_out:
        out.print(f"Could not go along: {sentence}", markup=False)
    out.print("A machine finds only names that the school holds: read it before it leaves. It names the child; the software sends it to nobody.")


export = App(name="export", help="Files for another system of the school: `cme export concern`.")
app.command(export)


@export.command
def concern(case: str, *, to: Annotated[Path, Parameter(name="--out", help="A new folder; nothing is written over.")], by: Role) -> None:
    """Write a case as one concern for the school's safeguarding record (MyConcern, CPOMS): pages, a text, a table of actions.

    Upload them by hand: no system's own import format is claimed. Then end the task: `cme done CASE NUMBER`.
    """
    from cme.steps.concern import export_concern

    with _office() as office:
        for path in export_concern(office, case, to, office.stamp(by)):
            out.print(str(path))
    out.print("Upload them by hand; they name the child and can be read by you alone. Destroy them when that is done.")
    out.print(f"`cme tasks` lists whether a task waits for it; `cme done {case.upper()} NUMBER --outcome \"...\" --by {by}` ends it.", markup=False)
