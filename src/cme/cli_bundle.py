"""``cme bundle``: a child's record for the authority, a court or the next school. cli.py imports this module to register it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

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
