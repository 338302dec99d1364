"""An authority's own form as a Word document, filled with a notification.

The form is somebody else's file: it is rendered in a sandbox, a place for a value that we do not know is an error and never an empty
line, and what is filled in is text, never markup.
"""

import io
import re
from typing import Any

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cme.errors import Permanent
from cme.mail.notification import Notification, said
from cme.rules.message_fields import FIELDS

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")       # XML 1.0, 2.2: what a document cannot hold


class UnusableForm(Permanent):
    """The form cannot be filled: a person must correct it. The notification can leave without it."""


def fill(form: bytes, notification: Notification) -> bytes:
    """``form`` (a .docx with places such as ``{{ f.surname }}``) filled; the bytes of a .docx.

    Places: ``f`` with every field of ``FIELDS`` (what is not held, in words), and ``reference``, ``made_at``, ``answer_by``,
    ``authority``, ``school``, ``contacts``, ``attempts``, ``findings``, ``actions``, ``decision``, ``not_on_record``. Raises
    UnusableForm, naming the place and no value.
    """
    from docxtpl import DocxTemplate       # a tenth of a second that only the authorities with a form of their own cost

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
    made = io.BytesIO()
    try:
        template = DocxTemplate(io.BytesIO(form))
        template.render(_values(notification), jinja_env=environment, autoescape=True)
        template.save(made)
    except SecurityError:
        raise UnusableForm("the Word form asks for more than values: correct it in authorities/forms") from None
    except TemplateError as error:
        raise UnusableForm(f"the Word form has a place that cannot be filled ({error.message}): correct it in authorities/forms") from None
    except Exception as error:       # somebody else's file may break in any way, and must stop no message
        raise UnusableForm(f"the Word form cannot be used ({type(error).__name__}): save it anew as .docx in authorities/forms") from None
    return made.getvalue()


def _values(notification: Notification) -> dict[str, Any]:
    data = notification.as_data()
    kept = ("reference", "made_at", "answer_by", "authority", "school", "title", "form", "contacts", "attempts", "findings", "actions",
            "decision", "not_on_record", "not_held")
    values: dict[str, Any] = _clean({name: data[name] for name in kept})
    return {**values, "f": _clean({name: said(notification.pupil.get(name)) for name in FIELDS})}


def _clean(data: Any) -> Any:
    if isinstance(data, str):
        return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", data)
    if isinstance(data, dict):
        return {key: _clean(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_clean(value) for value in data]
    return data
