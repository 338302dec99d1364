"""What the screen of the population keeps from one check to the next."""

from datetime import date

from sqlalchemy.orm import Mapped, mapped_column

from cme.records.base import Base


class ScreenState(Base):
    """Where the screen of a school stood at the end of ``settled``: some days ago (``recent``), and some weeks ago. A cache: delete any
    row, and the next check gives the same answer from all registers. ``kept_screens`` says when a row may be used; it holds pupils'
    numbers and counts, and no mark.
    """

    __tablename__ = "screen_state"
    school: Mapped[str] = mapped_column(primary_key=True)
    recent: Mapped[bool] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]                                   # of the codes, the numbers and the days that decide
    settled: Mapped[date]
    versions: Mapped[int]                                        # the highest number of a register version that was read
    newest_pupil: Mapped[int]                                    # the highest number of a pupil then
    standing: Mapped[bytes]
    proof: Mapped[bytes]                                         # of all this and of the pupils' enrolments
