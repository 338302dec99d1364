"""One small school as each kind of source holds it: three pupils, a Friday and a Monday."""

from datetime import date

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
PUPILS = {"12": ("Zoë", "Quillfeather"), "13": ("Ivo", "Thimblewick"), "14": ("Una", "Marrowby")}
MARKS = {(FRIDAY, "AM", "12"): "/", (FRIDAY, "AM", "13"): "N", (FRIDAY, "AM", "14"): "L",
         (FRIDAY, "PM", "12"): "\\", (FRIDAY, "PM", "13"): "N", (FRIDAY, "PM", "14"): "\\",
         (MONDAY, "AM", "12"): "/", (MONDAY, "AM", "13"): "C1", (MONDAY, "AM", "14"): ""}
NAMES = [name for both in PUPILS.values() for name in both]
