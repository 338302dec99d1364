"""Keep what a pull brought: one transaction, register versions append-only, nothing lost and nothing written twice.

A register's version is written only when its content differs from the last one, so a second pull of the same export writes
nothing. The readers of what is kept stand in ``register_views`` and ``quarantine`` and are offered here as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ARRAY, Text, bindparam, cast, func, insert, select
from sqlalchemy.orm import Session

from cme import clock
from cme.records import pupils
from cme.records.arrays import among
from cme.records.history import Stamp, record_each
from cme.records.quarantine import ReadAgain, Refused, mended, quarantine, quarantined, resolve
from cme.records.register_reading import Brought, Reading, register_place
from cme.records.register_versions import keep_expected, write_versions
from cme.records.register_views import (RegisterState, StoredRegister, current_marks, pupil_records, read_one,
                                        register_states)
from cme.records.source_answers import keep_answers
from cme.records.tables import Pull
from cme.records.withdrawals import PERCENT
from cme.rules.marks import CodeTable
from cme.sources.source import FRESH, Pulled, Scope, TimeSemantics

__all__ = ["PullResult", "RegisterState", "StoredRegister", "current_marks", "pupil_records", "quarantined", "read_one",
           "register_states",
           "resolve", "store", "store_all"]
_STORE_LOCK = 0x434D4550
_COUNTED = ("rows_read", "rows_accepted", "rows_quarantined", "registers_new", "registers_changed", "registers_today",
            "registers_withdrawn", "outcome", "remarks")


@dataclass
class PullResult:
    """What one pull brought and changed: numbers only, fit for a log."""

    pull_id: int = 0
    rows_read: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    quarantined_new: int = 0
    registers_new: int = 0
    registers_changed: int = 0
    registers_unchanged: int = 0
    registers_incomplete: int = 0        # rows of them could not be read; the marks known before were kept
    pupils_new: int = 0
    pupils_changed: int = 0
    contacts_changed: int = 0
    expected_changed: int = 0
    files_waiting: int = 0
    rows_mended: int = 0                 # rows that left quarantine
    registers_today: int = 0             # registers of today with a mark entered
    registers_withdrawn: int = 0         # registers in which the source took marks back
    doubts: tuple[tuple[Scope, str], ...] = ()      # what the source would have taken back, and is not believed
    outcome: str = "ok"
    remarks: str = ""                    # what the source's reading was told of besides; it may name a file

    @property
    def changed(self) -> bool:
        """Whether anything was written beside the row of the pull itself."""
        return any((self.quarantined_new, self.registers_new, self.registers_changed, self.pupils_new, self.pupils_changed,
                    self.contacts_changed, self.expected_changed, self.rows_mended))

    def __str__(self) -> str:
        said = [f"{self.rows_read} rows read", f"{self.registers_new} new registers", f"{self.registers_changed} changed"]
        said += [f"{number} {what}" for number, what in (
            (self.rows_quarantined, "rows in quarantine"), (self.registers_incomplete, "registers not read whole"),
            (self.registers_withdrawn, "registers with marks taken back"), (len(self.doubts), "losses not believed"),
            (self.rows_mended, "rows mended"), (self.files_waiting, "files still being written")) if number]
        return ", ".join(said)


def store(session: Session, school: str, pulled: Pulled, *, source: str, codes: CodeTable, stamp: Stamp,
          time_semantics: TimeSemantics, freshness: timedelta = FRESH, loss_percent: int = PERCENT) -> PullResult:
    """Keep ``pulled`` in the caller's transaction: pupils, staff, expected registers, register versions, quarantine, the
    row of the pull, and one event in the history if anything changed. Two pulls of one school wait for each other."""
    return store_all(session, {school: pulled}, source=source, codes=codes, stamp=stamp, time_semantics=time_semantics,
                     freshness=freshness, loss_percent=loss_percent)[school]


def store_all(session: Session, pulled: Mapping[str, Pulled], *, source: str, codes: CodeTable, stamp: Stamp,
              time_semantics: TimeSemantics, freshness: timedelta = FRESH, loss_percent: int = PERCENT) -> dict[str, PullResult]:
    """Keep what was pulled for each school (an authority's pull), with the same rows, events and results as one after another.

    ``freshness`` is what the source declares; ``loss_percent``: see ``withdrawals``, 100 believes every loss.

    One transaction, the caller's, with a number of statements that does not depend on how many schools there are. All or
    nothing: an error for one school is raised and nothing of any school is kept; what a source cannot read is no error, it goes
    to quarantine. Who must keep the other schools all the same calls again, each school in a transaction of its own.
    """
    if time_semantics == TimeSemantics.NONE:
        freshness = timedelta(0)
    reading = Reading(codes)
    brought = [reading.documents(school, what) for school, what in pulled.items()]
    _wait_for_others(session, pulled)
    rolls = pupils.keep_pupils(session, {b.school: b.pulled.pupils for b in brought}, {b.school: b.named() for b in brought}, stamp)
    staff = pupils.keep_staff(session, {b.school: b.pulled.staff for b in brought})
    expected = keep_expected(session, {b.school: b.pulled.expected for b in brought}, {b.school: b.pulled.expected_whole for b in brought})
    reading.contents(session, brought, rolls, stamp, _last_open(session, brought, source, stamp, time_semantics), time_semantics,
                     loss_percent)
    refused = {b.school: [*(Refused(row.where, row.line, row.reason, row.raw, row.day) for row in b.pulled.bad_rows), *b.refused]
               for b in brought}
    quarantined_new = quarantine(session, source, refused, stamp.at)
    rows_mended = mended(session, source, {b.school: _read_again(b.pulled) for b in brought}, refused, stamp)
    today = clock.local(stamp.at).date()
    results = {b.school: PullResult(
        rows_read=b.pulled.rows_read, rows_accepted=b.pulled.rows_read - len(refused[b.school]),
        rows_quarantined=len(refused[b.school]), quarantined_new=quarantined_new[b.school],
        registers_new=b.new, registers_changed=len(b.fresh) - b.new, registers_unchanged=len(b.pulled.registers) + b.withdrawn - len(b.fresh),
        registers_withdrawn=b.withdrawn, registers_today=b.taken_on(today), rows_mended=rows_mended[b.school],
        doubts=tuple(b.withdrawals.doubts),
        registers_incomplete=sum(not document.complete for document in b.pulled.registers),
        pupils_new=rolls[b.school].new, pupils_changed=rolls[b.school].changed,
        contacts_changed=rolls[b.school].contacts_changed + rolls[b.school].flags_changed,
        expected_changed=staff.get(b.school, 0) + expected.get(b.school, 0),
        files_waiting=len(b.pulled.waiting), outcome=_outcome(b, today),
        remarks="; ".join(b.pulled.notes)) for b in brought}
    _note_pulls(session, pulled, results, source, stamp, freshness)
    for school, result in results.items():
        keep_answers(session, school, source, result.pull_id, pulled[school].answers, stamp.at)
    write_versions(session, source, {school: result.pull_id for school, result in results.items()},
                   [new for b in brought for new in b.fresh], stamp)
    record_each(session, "register", "registers.pulled", stamp, [(str(result), {
        "source": source, "pull": result.pull_id, **{name: value for name, value in vars(result).items()
                                                     if isinstance(value, int) and name != "pull_id"}})
        for result in results.values() if result.changed])
    return results


def _wait_for_others(session: Session, schools: Iterable[str]) -> None:
    """One lock a school until the transaction ends; always in the same order, so that two pulls never wait for each other."""
    numbers = (select(func.hashtext(func.unnest(cast(bindparam("schools"), ARRAY(Text)))).label("number")).distinct()
               .order_by("number").subquery())
    session.execute(select(func.pg_advisory_xact_lock(_STORE_LOCK, numbers.c.number)), {"schools": list(schools)})


def _read_again(pulled: Pulled) -> ReadAgain:
    """The places of a pull; a mark that is no code lies in its register, which was read if it was brought."""
    registers = {register_place(d): True for d in pulled.registers} if pulled.places else {}
    return ReadAgain({**dict(pulled.places), **registers}, None if pulled.days is None else frozenset(pulled.days))


def _outcome(b: Brought, today: date) -> str:
    """"ok" only for a pull that has seen the whole of today: such a pull is evidence of what was not yet taken."""
    pulled = b.pulled
    said = [*pulled.gaps, *(sentence for scope, sentence in b.withdrawals.doubts if scope[0] == today)]
    if pulled.waiting:
        said.append(f"{len(pulled.waiting)} file(s) still being written, left for the next pull")
    if pulled.days is not None and today not in pulled.days:
        said.append("for other days than today only")
    return "; ".join(said) or "ok"


def _last_open(session: Session, brought: Iterable[Brought], source: str, stamp: Stamp, semantics: TimeSemantics) -> dict[str, datetime]:
    """For each school the last moment today at which its whole source was seen before this pull, where there is one and it
    matters; no later than the source's own age."""
    today = clock.local(stamp.at).date()
    asking = [b.school for b in brought if b.pulled.one_moment and any(d.local_date == today for d in b.pulled.registers)]
    if not asking or semantics == TimeSemantics.NONE:
        return {}
    midnight = datetime.combine(today, datetime.min.time(), clock.LONDON)
    return {school: moment for school, moment in session.execute(
        select(Pull.school, func.max(func.least(Pull.started_at, func.coalesce(Pull.source_as_of, Pull.started_at))))
        .where(among(Pull.school, asking), Pull.source == source, Pull.outcome == "ok", Pull.started_at >= midnight)
        .group_by(Pull.school))}


def _note_pulls(session: Session, pulled: Mapping[str, Pulled], results: Mapping[str, PullResult], source: str, stamp: Stamp,
                freshness: timedelta) -> None:
    """That the source was read is noted every time."""
    finished = max(clock.now(), stamp.at)
    for school, number in session.execute(insert(Pull).returning(Pull.school, Pull.id), [
            {"school": school, "source": source, "started_at": stamp.at, "finished_at": finished,
             "source_as_of": pulled[school].as_of, "fresh_seconds": int(freshness.total_seconds()),
             "first_day": min(days) if (days := pulled[school].days) else None, "last_day": max(days) if days else None, **{name: getattr(result, name) for name in _COUNTED}}
            for school, result in results.items()]):
        results[school].pull_id = number
