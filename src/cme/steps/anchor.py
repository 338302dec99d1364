"""The daily anchor: the head of the history goes to a file beside the database and to the head's mailbox."""

from datetime import timedelta
from pathlib import Path

from cme import clock
from cme.errors import BadInput
from cme.records import anchors
from cme.records.alarms import clear_alarm, raise_alarm
from cme.records.anchors import Anchor
from cme.records.history import Stamp
from cme.records.verifying import verify
from cme.steps.office import Office

ALARM = "anchor:file"


def make(office: Office, stamp: Stamp) -> Anchor:
    """Anchor the record now, by file and by mail. Raises OSError where the file cannot be written: nothing is lost, the mail is queued."""
    with office.owners_transaction() as session:
        anchor = anchors.anchor(session, stamp)
    with office.transaction() as session:
        office.queue_letter(session, "anchor", to=office.person("head").email, subject_of="record", stamp=stamp,
                            dedupe_key=f"anchor:{anchor.event}", day=f"{clock.local(stamp.at):%-d %B %Y}", event=str(anchor.event),
                            hash=anchor.hash, at=office.shown_time(stamp.at))
    anchors.write_line(office.settings.anchors, anchor.line(office.school))
    with office.transaction() as session:
        clear_alarm(session, ALARM, stamp, "the record was anchored")
    return anchor


def make_when_due(office: Office, stamp: Stamp) -> Anchor | None:
    """Anchor the record once a day, at any time of it, so that a machine that was off misses none. An alarm where the file cannot be
    written, or holds no anchor for more than ``CME_ANCHOR_DAYS`` days."""
    before, made = anchors.last_at(office.settings.anchors), None
    if before is not None and clock.local(before).date() >= clock.local(stamp.at).date():
        return None
    if not _tried_today(office, stamp):
        try:
            made = make(office, stamp)
        except OSError as error:
            _alarm(office, f"The file of anchors cannot be written ({error.strerror}): see to the place that CME_ANCHOR_FILE names", stamp)
    elif before is None or stamp.at - before > timedelta(days=office.settings.anchor_days):
        _alarm(office, f"The file of anchors has held no anchor for more than {office.settings.anchor_days} days: see to the place that "
               "CME_ANCHOR_FILE names, then run `cme anchor`", stamp)
    return made


def _tried_today(office: Office, stamp: Stamp) -> bool:
    with office.transaction() as session:
        last = anchors.last_event_at(session)
    return last is not None and clock.local(last).date() >= clock.local(stamp.at).date()


def _alarm(office: Office, sentence: str, stamp: Stamp) -> None:
    with office.transaction() as session:
        raise_alarm(session, ALARM, "school", sentence, stamp)


def check(office: Office, said: str = "") -> tuple[list[str], list[Anchor]]:
    """What is wrong with the record, and the anchors it was compared with: those of the file, and ``said`` (a file, or "N:HASH")."""
    file: Path = office.settings.anchors
    held = anchors.read_anchors(str(file)) if file.is_file() else []
    if said:
        held = [*held, *anchors.read_anchors(said)]
    if said and not held:
        raise BadInput(f"{said} holds no anchor")
    with office.owners_transaction() as session:
        return verify(session, held), held
