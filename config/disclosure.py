"""What a bundle about a child shows to whom, as the school has decided it (``disclosure.yaml``)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, StrictStr

from cme.config.policies import FOLDER, ConfigFaults
from cme.config.reading import read
from cme.config.shapes import Backed, Shape
from cme.errors import BadInput

NAME = "disclosure.yaml"


class Disclosure(Backed):
    """What one kind of recipient is shown. ``messages``: kinds of messages whose bytes go along; a * stands for any letters."""

    contacts: Literal["full", "names", "none"]
    staff: Literal["names", "roles"]
    safeguarding: Literal["shown", "withheld"]
    messages: tuple[StrictStr, ...] = ()

    def takes(self, kind: str) -> bool:
        """Whether the bytes of a message of that kind go along."""
        return any(kind == given or given.endswith("*") and kind.startswith(given[:-1]) for given in self.messages)


class DisclosureFile(Shape):
    recipients: dict[StrictStr, Disclosure] = Field(min_length=1)


def disclosure_for(recipient: str, folder: Path | None, *, production: bool) -> tuple[str, Disclosure]:
    """The recipient's name as the file writes it, and what is shown to it. A folder without the file: the one that came with the software.

    Raises ConfigFaults for a file that cannot be used, BadInput for a recipient that it does not name, and in production for one that
    nobody has confirmed.
    """
    path = folder / NAME if folder and (folder / NAME).exists() else FOLDER / NAME
    faults: list[str] = []
    given = read(path, DisclosureFile, faults, NAME)
    if given is None:
        raise ConfigFaults(faults)
    name = " ".join(recipient.casefold().split())
    found = given.recipients.get(name)
    if found is None:
        raise BadInput(f"{recipient!r} is no recipient of a bundle; {NAME} names {', '.join(given.recipients)}")
    if production and not found.confirmed:
        raise BadInput(f"{NAME}: what is shown to {name!r} is not confirmed: have the school's data protection officer read it, then set confirmed: yes")
    return name, found
