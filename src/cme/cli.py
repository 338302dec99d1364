"""The command line: ``cme``. Everything here works without Prefect, on the records alone, except `up` and `demo`."""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from cme.errors import CmeError

app = App(
    name="cme",
    help="So that no child goes missing from education unnoticed: a school's written procedure, carried out.\n\n"
         "The commands look at the running `cme demo` or `cme up`; without one, at what CME_DATA_DIR or CME_DATABASE_URL name. "
         "Settings come from the environment (CME_...) and from a .env file; `cme check-config` says what is missing.",
    help_format="markdown", version_flags=["--version"])
out = Console(highlight=False, soft_wrap=True)
By = Annotated[str, Parameter(help="Your role; by default this machine's user is recorded as the reader.")]
Day = Annotated[date | None, Parameter(help="A day as 2026-11-23; today when left out.")]


def _office(*, complete: bool = False):  # type: ignore[no-untyped-def]
    from cme.steps.office import adopt_running_house, open_office

    adopt_running_house()
    return open_office(complete=complete)


@app.command
def demo(*, registers: Annotated[Path | None, Parameter(help="Your own register export (CSV) instead of the synthetic school.")] = None,
         open_browser: Annotated[bool, Parameter(name="--open", negative="", help="Open the paused run in a browser.")] = False) -> None:
    """Run one school day before your eyes: registers, an absence, a parent, the DSL, the local authority's inbox.

    Everything runs on this machine, with made-up children and a mail sink; nothing leaves it. Ctrl-C stops and removes it all.
    """
    from cme.services.demo import run

    run(registers, out, open_browser=open_browser)


@app.command
def up() -> None:
    """Start the system: the database (unless CME_DATABASE_URL names one), Prefect with its UI, and the flows' runner.

    Refuses to start while anything that matters is missing or unconfirmed, and says all of it at once. Ctrl-C stops it.
    """
    from cme.services.serve import run

    run(out)


@app.command
def check_config() -> None:
    """Say everything that is missing, wrong or unconfirmed in the settings and the policies, by name, with what to do."""
    from cme.config.policies import ConfigFaults, load
    from cme.config.settings import cover_sentences, load_settings, missing_settings
    from cme.config.texts import NO_TEXTS, has_texts
    from cme.steps.office import adopt_running_house

    adopt_running_house()
    faults: list[str] = []
    settings = policies = None
    try:
        settings = load_settings()
        faults += missing_settings(settings)
    except ConfigFaults as error:
        faults += error.faults
    try:
        policies = load(settings.config_dir if settings else None, settings.authority if settings else None)
    except ConfigFaults as error:
        faults += error.faults
    unconfirmed = policies.unconfirmed() if policies else []
    if settings and settings.environment == "production":
        faults += unconfirmed
    elif unconfirmed:
        out.print(f"[yellow]{len(unconfirmed)} values are not confirmed[/]; {settings.environment if settings else 'this installation'} runs "
                  "with them, production refuses them:")
        for sentence in unconfirmed:
            out.print(f"  - {sentence}", markup=False)
    if settings and settings.database_url:
        from cme.steps.database_roles import connected_as
        if sentence := connected_as(settings):
            out.print(f"[yellow]{sentence}[/]")
    if policies and settings:
        from cme import clock
        if late := policies.school.procedure_overdue(clock.today()):
            out.print(f"[yellow]{late}[/]")
        for sentence in cover_sentences(settings, clock.now()):
            out.print(f"[yellow]{sentence}[/]")
        if not has_texts(settings):
            out.print(NO_TEXTS, markup=False)
    if faults:
        raise ConfigFaults(faults)
    out.print("[green]The configuration is complete.[/]")


@app.command
def pull(*, everything: Annotated[bool, Parameter(negative="", help="Read all the source has, not only the last two weeks.")] = False,
         accept_loss: Annotated[str, Parameter(help="Reason: what the source no longer gives is really gone.")] = "",
         by: Annotated[str, Parameter(help="Your role, with --accept-loss: operations, ...")] = "operations") -> None:
    """Read the registers from the school's source and keep what changed.

    A source that suddenly gives much less than before is not believed, until a person says so with --accept-loss.
    """
    from cme import clock
    from cme.steps import pull as steps

    with _office() as office:
        days = None if everything else steps.window(office, clock.today())
        result = steps.pull(office, days, office.stamp(by), accept_loss)
        whole = [] if result.outcome == "ok" else [f"Not the whole of today was seen: {result.outcome}"]
        out.print("\n".join([str(result), *whole, *(sentence for _, sentence in result.doubts), *filter(None, [result.remarks])]), markup=False)


@app.command
def detect(*, as_of: Day = None) -> None:
    """Judge every pupil's absence. With --as-of a past day: a replay that writes nothing."""
    from cme import clock
    from cme.steps import detect as steps

    with _office() as office:
        if as_of is not None and as_of != clock.today():
            with office.transaction() as session:
                judged = steps.judged(office, session, as_of, steps.end_of(as_of))
            table = Table("pupil (internal number)", "threshold", "reached on", "reason", title=f"As of {as_of}: a replay, nothing written")
            for pupil, findings in sorted(judged.items()):
                for f in findings:
                    if f.opens_case:
                        table.add_row(str(pupil), f.rule.replace("_", " "), f.reached_on.isoformat(), f.reason)
            out.print(table if table.row_count else f"As of {as_of} no pupil had crossed a threshold.")
            return
        found = steps.detect(office, clock.today(), office.stamp("operations"))
        out.print(f"{found.pupils} pupils judged; {found.findings} thresholds crossed; cases opened: {', '.join(found.opened) or 'none'}.")


@app.command
def cases(*, all_cases: Annotated[bool, Parameter(name="--all", negative="", help="Closed ones too.")] = False) -> None:
    """List the cases, by reference, with the next step, its owner and its due time."""
    from cme.steps import view

    with _office() as office:
        lines = view.case_list(office, include_closed=all_cases)
    table = Table("case", "state", "since", "next step by", "owner", "", box=box.SIMPLE)
    for column in table.columns:
        column.no_wrap = True
    for line in lines:
        table.add_row(line.reference, line.state, line.since, line.next_step, line.owner, "[red]OVERDUE[/]" if line.overdue else "")
    out.print(table if lines else "There is no open case.")


@app.command
def history(case: str, *, utc: Annotated[bool, Parameter(negative="", help="The time in UTC as well.")] = False,
            runs: Annotated[bool, Parameter(negative="", help="What Prefect recorded of the case's runs, from our own copy.")] = False,
            by: By = "") -> None:
    """Print everything that happened in a case: who did it, when, why, and the flow run that did it. The reading is recorded."""
    from cme.services.pages import print_history, print_runs
    from cme.steps import reads, view
    from cme.steps.runs import lines

    with _office() as office:
        if runs:                     # opaque: nobody reads anything about a child
            print_runs(out, case, lines(office, case))
            return
        found = view.history(office, case)
        reads.read(office, case, "cme history", by)
        print_history(out, case, found, utc=utc)


@app.command
def inbox(number: int | None = None) -> None:
    """List the mails in the demo's inbox, newest last, or print the one of a number."""
    from cme.services.pages import print_inbox
    from cme.steps.office import adopt_running_house

    adopt_running_house()
    print_inbox(out, number)


def main() -> None:
    """The entry point: errors are one sentence and a non-zero exit status."""
    import cme.cli_bundle  # noqa: F401  (bundle and export concern)
    import cme.cli_contact  # noqa: F401  (today, call, contact, visit, and what stops messages to parents)
    import cme.cli_day_one  # noqa: F401  (pupil, reports, found and police-pack)
    import cme.cli_feed  # noqa: F401  (quarantine and feed)
    import cme.cli_mail  # noqa: F401  (outbox, mail, check-mail, acknowledge and reported)
    import cme.cli_messages  # noqa: F401  (messages, draft, password, ill, roll-change and home-schools)
    import cme.cli_reading  # noqa: F401  (show and subject-access)
    import cme.cli_record  # noqa: F401  (verify, anchor, rotate-key and database)
    import cme.cli_replies  # noqa: F401  (replies and texts)
    import cme.cli_replay  # noqa: F401  (explain and simulate)
    import cme.cli_reports  # noqa: F401  (report compliance)
    import cme.cli_rights  # noqa: F401  (retention, hold, rights, rights-request and subject-access)
    import cme.cli_sources  # noqa: F401  (sources)
    import cme.cli_tasks  # noqa: F401  (tasks and done)
    try:
        app()
    except CmeError as error:
        faults = getattr(error, "faults", None)
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"cme: {error}" if not faults else "cme: " + ("\n  - ".join(["this must be mended first:", *faults])), markup=False)
        sys.exit(1)
    except DBAPIError as error:
        first = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error).__name__
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"cme: the database cannot be used ({first}); check CME_DATABASE_URL, or leave it out for the private database", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
