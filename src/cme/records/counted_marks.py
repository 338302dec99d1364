"""Who has so many marks of certain codes: counted straight in the registers, for the whole roll."""

from collections.abc import Collection, Sequence
from datetime import date

import numpy as np
from sqlalchemy.orm import Session

from cme.records.population import populations
from cme.rules.numbered_marks import as_stored, how_many


def with_marks(session: Session, schools: Sequence[str], codes: Collection[str], at_least: int, first: date, last: date) -> list[int]:
    """The pupils, by number and in order, with ``at_least`` marks of ``codes`` from ``first`` to ``last``. A mark that stands in two
    registers counts twice, which may name somebody in vain and overlooks nobody."""
    wanted, found = sorted(as_stored(code) for code in codes), []
    for part in populations(session, schools, last, first):
        counted = np.zeros(len(part.pupils) + 1, dtype=np.uint32)
        for sheet, places in zip(part.sheets, part.places, strict=True):
            np.add.at(counted, places, how_many(sheet.between(first, last).marks, wanted))
        found += part.pupils[counted[:-1] >= at_least].tolist()
    return sorted(found)
