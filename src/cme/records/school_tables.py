"""The school's people: pupils, contacts, flags, staff. What names a child stands here and in the sealed messages."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base, key
from cme.records.sealed_columns import SealedText


class Pupil(Base):
    """A pupil of one school. Only ``id`` leaves this table; it says nothing about the child."""

    __tablename__ = "pupil"
    __table_args__ = (UniqueConstraint("school", "mis_id"),)
    id: Mapped[int] = key()
    school: Mapped[str]
    mis_id: Mapped[str]
    forename: Mapped[str] = mapped_column(server_default="")
    surname: Mapped[str] = mapped_column(server_default="")
    born: Mapped[date | None]
    sex: Mapped[str] = mapped_column(server_default="")
    upn: Mapped[str] = mapped_column(server_default="")
    year_group: Mapped[str] = mapped_column(server_default="")
    group_key: Mapped[str] = mapped_column(server_default="")
    address: Mapped[str] = mapped_column(SealedText("pupil.address"), server_default="")
    postcode: Mapped[str] = mapped_column(SealedText("pupil.postcode"), server_default="")
    admitted: Mapped[date | None]
    left: Mapped[date | None]
    registration: Mapped[str] = mapped_column(server_default="sole")
    home_school: Mapped[str] = mapped_column(server_default="")
    expected_pattern: Mapped[str] = mapped_column(server_default="")
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]


class Contact(Base):
    """A parent or carer of a pupil, as valid from ``valid_from`` until ``valid_to`` (open: still valid)."""

    __tablename__ = "contact"
    __table_args__ = (Index(None, "pupil_id", "valid_to"),)
    id: Mapped[int] = key()
    pupil_id: Mapped[int] = mapped_column(ForeignKey("pupil.id"))
    priority: Mapped[int]
    name: Mapped[str]
    relationship: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(SealedText("contact.email", findable=True), server_default="")
    telephone: Mapped[str] = mapped_column(SealedText("contact.telephone", findable=True), server_default="")
    language: Mapped[str] = mapped_column(server_default="en")
    do_not_contact: Mapped[bool] = mapped_column(server_default=text("false"))
    court_order: Mapped[bool] = mapped_column(server_default=text("false"))
    no_responsibility: Mapped[bool] = mapped_column(server_default=text("false"))     # holds no parental responsibility
    interpreter: Mapped[bool] = mapped_column(server_default=text("false"))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class Flag(Base):
    """A vulnerability or agency flag of a pupil, with validity."""

    __tablename__ = "flag"
    __table_args__ = (Index(None, "pupil_id", "valid_to"),)
    id: Mapped[int] = key()
    pupil_id: Mapped[int] = mapped_column(ForeignKey("pupil.id"))
    flag: Mapped[str]
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime | None]


class Staff(Base):
    """A member of staff who takes registers."""

    __tablename__ = "staff"
    __table_args__ = (UniqueConstraint("school", "code"),)
    id: Mapped[int] = key()
    school: Mapped[str]
    code: Mapped[str]
    name: Mapped[str] = mapped_column(server_default="")
    email: Mapped[str] = mapped_column(server_default="")


class RoleHolder(Base):
    """Who held which person key since when, one row for each change of the people file. Append-only; no name: held by nobody since."""

    __tablename__ = "role_holder"
    __table_args__ = (Index(None, "person", "id"),)
    id: Mapped[int] = key()
    person: Mapped[str]                                          # "dsl", "deputy_2", ...
    name: Mapped[str]
    email: Mapped[str]
    since: Mapped[datetime]
