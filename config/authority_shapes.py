"""The shape of an authority's file: what it wants of each of the five messages, and when."""

from typing import Literal

from pydantic import Field, StrictBool, StrictStr

from cme.config.shapes import Backed, Days, Shape, Text, Value


class MessageShape(Backed):
    """What an authority wants of one of the five messages. Without a mailbox of its own it goes to the authority's; by ``telephone``
    nothing is mailed. ``word_form`` is a file in authorities/forms."""

    form: StrictStr
    channel: Literal["mail", "telephone"]
    mailbox: StrictStr | None = None
    protection: Literal["tls", "pdf_password"] = "tls"
    word_form: StrictStr | None = None
    required_fields: tuple[StrictStr, ...] = Field(min_length=1)


class MessagesShape(Shape):
    attendance_return: MessageShape
    sickness_return: MessageShape
    cme_referral: MessageShape
    roll_change_return: MessageShape
    day_one_report: MessageShape


class ReturnShape(Shape):
    number: Value
    counting: Literal["continuous", "continuous or cumulative"]
    forms: tuple[StrictStr, ...] = Field(min_length=1)


class ReferralShape(Shape):
    number: Value
    whereabouts_unknown: StrictBool


class AuthorityFile(Shape):
    name: StrictStr
    key: StrictStr
    la_code: StrictStr
    attendance_return: ReturnShape
    sickness_return: Value
    cme_referral: ReferralShape
    mailbox: Text
    telephone: Text
    childrens_services: Text
    childrens_services_out_of_hours: Text
    police_emergency: Text
    police: Text
    messages: MessagesShape
    acknowledgement_school_days: Days
    notes: tuple[StrictStr, ...] = ()
