"""The police report pack: what the police ask when a child is reported missing, answered from what the school holds.

A paper to have in hand while ringing; it is never the report, and no machine sends it. The twelve questions are those that West
Midlands Police ask when a pupil is reported missing (the force's own page for schools; read 2026).
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from cme.mail.pdf import legible, typeset

QUESTIONS = {
    "character": "Is this out of character? When was the child last missing, and what came of it?",
    "contact": "Have you had contact with the child? When do you expect the child back?",
    "intentions": "What did the child intend when last seen? What has been tried to find the child?",
    "companions": "With whom may the child be? Friends, relatives, others?",
    "danger": "Is the child a danger to itself or to others?",
    "medical": "Medical needs, medication, disability, a care plan?",
    "self_harm": "Is there a risk of self-harm or suicide?",
    "victim": "Is the child likely to become the victim of a crime?",
    "exploitation": "Abuse, or sexual or criminal exploitation, now or before?",
    "services": "Is the child known to services: social worker, youth justice, health?",
    "behaviour": "Has the child behaved unusually before going missing?",
    "concerns": "Other concerns: family, forced marriage, online, county lines, radicalisation?",
}


@dataclass(frozen=True)
class PolicePack:
    """One pack. ``phones`` are (whom, number); ``sections`` are headings with (label, value) rows; ``answers`` hold by the keys of
    QUESTIONS what the records say, empty where they say nothing. Everything is text that people read."""

    reference: str
    made_at: str
    made_by: str
    school: str
    phones: list[tuple[str, str]]
    sections: list[tuple[str, list[tuple[str, str]]]]
    answers: dict[str, list[str]]
    contacts: list[tuple[str, str, str, str]]
    tried: list[tuple[str, str, str]] = field(default_factory=list)

    def as_data(self) -> dict[str, Any]:
        """Everything as plain lists and dicts, laid out for the template."""
        return {**asdict(self), "questions": [(text, self.answers.get(key, [])) for key, text in QUESTIONS.items()]}


def pack_pdf(pack: PolicePack, at: Any) -> bytes:
    """The pack as a PDF/UA-1 file on A4, dated ``at``. A letter that our fonts lack is shown as a question mark, and the paper says so:
    a name that cannot be printed never keeps the paper from whoever has to ring."""
    data, unprinted = legible(pack.as_data())
    return typeset("police_pack.typ", {**data, "unprinted": unprinted}, at)
