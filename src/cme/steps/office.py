"""The school's office: the database, the configuration and the mail of one installation, in one value."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cme import clock
from cme.config.mail_settings import Route
from cme.config.policies import ConfigFaults, Policies, load
from cme.config.settings import Person, Settings, load_settings, missing_settings
from cme.mail.message import compose, message_id_for
from cme.mail.render import letter
from cme.mail.smtp import SafeMail
from cme.mail.tokens import Token
from cme.records import outbox
from cme.records.database import open_records
from cme.records.history import MACHINE, Stamp
from cme.records.sealed_columns import keep_keys
from cme.records.sealing import Sealer
from cme.steps.mail_routes import mailer_of, token_of
from cme.steps.recipients import permission
from cme.steps.texting import Texting
from cme.steps.owners import owners_engine
from cme.steps.wording import language_for, say_in_english

HOUSE_FILE = "CME_HOUSE"       # where a running `cme up` or `cme demo` says how to reach it


@dataclass
class Office(Texting):
    """What every step needs. ``policies`` are the rules of the law, the school and its authority."""

    engine: Engine
    settings: Settings
    policies: Policies
    sealer: Sealer
    _stack: ExitStack = field(default_factory=ExitStack, repr=False)
    _tokens: dict[str, Token | None] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        keep_keys(self.engine, self.sealer)

    @property
    def school(self) -> str:
        """The school's key in the records: its LAESTAB."""
        return self.policies.school.laestab

    def person(self, key: str) -> Person:
        """The person of a key ("dsl", "attendance_officer", "deputy_2", ...) as the people file names them now."""
        return self.settings.people.of(key)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed as a whole, or nothing of it."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def owners_transaction(self) -> Iterator[Session]:
        """One transaction of the owner's, for what the product's own role may not do or see."""
        with owners_engine(self.settings, self.engine, self.sealer) as owner, Session(owner, expire_on_commit=False) as session, session.begin():
            yield session

    def stamp(self, who: str = MACHINE, *, flow_run_id: str | None = None, task_run_id: str | None = None) -> Stamp:
        """Who and now, as a pair."""
        return Stamp(who, clock.now(), flow_run_id, task_run_id)

    @staticmethod
    def shown_time(moment: datetime) -> str:
        """A moment as people read it, on the school's wall clock: "Monday 23 November 2026, 15:10"."""
        return f"{clock.local(moment):%A %-d %B %Y, %H:%M}"

    def routine_due(self, moment: datetime) -> datetime:
        """When a routine question or task is due: the end of the next school day, unless the school has set another number of days;
        never further off than ``longest_wait_days``, because holidays pause nothing."""
        return self.school_days_later(moment, self.policies.school.routine_review_school_days)

    def school_days_later(self, moment: datetime, days: int) -> datetime:
        """When something that may wait ``days`` school days is due: the end of that afternoon, or ``longest_wait_days`` calendar days
        after ``moment``, whichever is earlier."""
        return min(self.end_of_school_day(moment, days), moment + timedelta(days=self.policies.school.longest_wait_days))

    def end_of_school_day(self, moment: datetime, days: int) -> datetime:
        """The end of the afternoon ``days`` school days after ``moment``, however long the holidays between."""
        day = self.policies.calendar.add_school_days(clock.local(moment).date(), days)
        return clock.wall(day, self.policies.school.sessions["PM"].ends)

    def queue_letter(self, session: Session, name: str, /, *, to: str, subject_of: str, dedupe_key: str, stamp: Stamp,
                     language: str = "en", keep_body: bool = True, valid: timedelta | None = None,
                     attachments: tuple[tuple[str, str, bytes], ...] = (), route: str = outbox.SCHOOL, reply_to: tuple[str, ...] = (),
                     answers: str = "", **fields: object) -> str:
        """Render an approved letter once and queue it for one recipient, in the caller's transaction; returns the row's id.

        ``route`` "alarm": it leaves by the second mail server, where there is one. ``answers``: the Message-ID that it follows up.
        ``language`` is the recipient's as it is held; where there is no wording that may be used it is English, and the history says so.
        """
        spoken, why = language_for(self.policies, name, language, production=self.settings.environment == "production")
        text = letter(name, spoken, school=self.policies.school.name, **fields)
        sender = self.settings.alarm_sender if route == outbox.ALARM and self.has_second_route else self.settings.mail_sender
        row_id = outbox.new_row_id()
        message_id = message_id_for(row_id, sender.partition("@")[2])
        wire = compose(sender, self.settings.mail_sender_name or self.policies.school.name, to, text.subject, text.text, message_id,
                       stamp.at, attachments=attachments, reply_to=reply_to, answers=answers)
        queued = outbox.queue(session, sealer=self.sealer, dedupe_key=dedupe_key, kind=name, subject_of=subject_of, recipient=to,
                            mail_subject=text.subject, message_id=message_id, wire=wire, row_id=row_id, stamp=stamp,
                            keep_body=keep_body, expires_at=stamp.at + valid if valid else None, route=route)
        if why and queued == row_id:
            say_in_english(session, name, row_id, subject_of, why, stamp)
        return queued

    def replies_to(self) -> tuple[str, ...]:
        """Where an answer to one of the five messages goes: to the DSL, and to the mailbox that is read, where one is."""
        return tuple(dict.fromkeys((self.person("dsl").email, *([self.settings.mail_sender] if self.settings.imap_host else []))))

    @property
    def has_second_route(self) -> bool:
        """Whether alarms leave by a mail server of their own; without one they leave by the school's."""
        return bool(self.settings.alarm_smtp_host and self.settings.alarm_sender)

    def mailer(self, route: str = outbox.SCHOOL) -> SafeMail:
        """A mailer to the school's mail server, or to the second one; one per worker."""
        s, alarm = self.settings, route == outbox.ALARM
        way = s.route("alarm_smtp" if alarm else "smtp")
        return mailer_of(s, way, (s.alarm_bounces_to or s.alarm_sender) if alarm else s.mail_sender, s.mail_sender_name or self.policies.school.name, self.token(way))

    def token(self, way: Route) -> Token | None:
        """What gives the token of a route, kept as long as this office; None where none signs in."""
        if way.name not in self._tokens:
            self._tokens[way.name] = token_of(way)
        return self._tokens[way.name]

    def may_leave(self, kind: str, recipient: str) -> None:
        """The allow-list, asked at the last moment. Raises Misconfigured."""
        with self.transaction() as session:
            permission(session, self.policies, self.settings.people, kind, recipient)

    def deliver(self, *, worker: str, only: str | None = None, flow_run_id: str | None = None,
                task_run_id: str | None = None) -> list[outbox.Delivery]:
        """Hand due messages to their server, alarms first, then mail, then texts; every outcome is a row and an event."""
        ways: list[tuple[str, str, outbox.HandOver]] = [(outbox.EMAIL, outbox.ALARM, self.alarm_hand_over()),
                                                        (outbox.EMAIL, outbox.SCHOOL, self.hand_over())]
        if self.has_texts:
            ways.append((outbox.TEXT, outbox.SCHOOL, self.text_hand_over()))
        done = []
        for channel, route, hand_over in ways:
            done += outbox.deliver(self.engine, self.sealer, hand_over, clock=clock.now, worker=worker, only=only, route=route,
                                   channel=channel, flow_run_id=flow_run_id, task_run_id=task_run_id,
                                   may_leave=self.may_text if channel == outbox.TEXT else self.may_leave)
        return done

    def hand_over(self) -> outbox.HandOver:
        """How messages leave: by the configured mail server."""
        return self.mailer().hand_over

    def alarm_hand_over(self) -> outbox.HandOver:
        """How alarms leave: by the second mail server. Made only when an alarm is due, so that a fault in its settings is that alarm's."""
        if not self.has_second_route:
            return lambda *message: self.hand_over()(*message)
        return lambda *message: self.mailer(outbox.ALARM).hand_over(*message)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()
        self._stack.close()

    def __enter__(self) -> "Office":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def house_file() -> Path:
    """Where a running installation of this user says how to reach it (its settings as environment variables)."""
    if path := os.environ.get(HOUSE_FILE):
        return Path(path)
    base = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("TMPDIR") or "/tmp"  # nosec B108 # only trusted if is_ours()
    return Path(base) / f"cme-flows-{os.getuid()}" / "house.json"


def is_ours(path: Path) -> bool:
    """Whether a file or folder belongs to this user and nobody else may write to it; what others left there is not trusted."""
    found = path.lstat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


def adopt_running_house() -> bool:
    """Take over the settings of the running `cme demo` or `cme up`, unless the environment sets its own; True if one runs."""
    path = house_file()
    try:
        if not (is_ours(path.parent) and is_ours(path)):
            return False
        house = json.loads(path.read_text())
        os.kill(house["pid"], 0)
    except (OSError, ValueError, KeyError):
        return False
    if any(name in os.environ for name in ("CME_DATA_DIR", "CME_DATABASE_URL")):
        return False
    os.environ.update(house["environment"])
    return True


def open_office(settings: Settings | None = None, *, complete: bool = False) -> Office:
    """The office of this installation; raises ConfigFaults with all faults at once.

    ``complete`` also demands what only a running system needs (``require_complete``).
    """
    settings = settings or load_settings()
    policies = require_complete(settings) if complete else load(settings.config_dir, settings.authority)
    stack = ExitStack()
    try:
        records = stack.enter_context(open_records(settings.database_url, settings.data_dir, school=policies.school.laestab))
        return Office(records.engine, settings, policies, Sealer(*settings.secrets(), again=settings.secrets), stack)
    except BaseException:
        stack.close()
        raise


def require_complete(settings: Settings) -> Policies:
    """The policies, if this installation has all that a running system needs: sources, mail, people, and in production no
    value that matters unconfirmed. Raises ConfigFaults with everything that is missing, by name."""
    faults, policies = missing_settings(settings), None
    try:
        policies = load(settings.config_dir, settings.authority)
        if settings.environment == "production":
            faults += policies.unconfirmed()
    except ConfigFaults as error:
        faults += error.faults
    if faults or policies is None:
        raise ConfigFaults(faults)
    return policies
