"""A PDF as a screen reader gets it."""

import io
import re

import pikepdf


def opened(pdf: bytes, password: str = "") -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(pdf), password=password)


def text_of(pdf: pikepdf.Pdf) -> str:
    """The text as a screen reader gets it: the glyphs of each page through their fonts' ToUnicode tables."""
    said = []
    for page in pdf.pages:
        tables = {name: _to_unicode(font.ToUnicode.read_bytes().decode()) for name, font in page.resources.Font.items()}
        table: dict[str, str] = {}
        for operands, operator in pikepdf.parse_content_stream(page):
            if str(operator) == "Tf":
                table = tables[str(operands[0])]
            elif str(operator) in ("Tj", "TJ"):
                parts = operands[0] if str(operator) == "TJ" else operands
                glyphs = b"".join(bytes(part) for part in parts if isinstance(part, pikepdf.String)).hex()
                said.append("".join(table.get(glyphs[at:at + 4], "?") for at in range(0, len(glyphs), 4)))
            elif str(operator) in ("ET", "EMC"):
                said.append(" ")
    return " ".join("".join(said).split())


def _to_unicode(cmap: str) -> dict[str, str]:
    return {glyph.lower(): bytes.fromhex(shown).decode("utf-16-be")
            for block in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.DOTALL)
            for glyph, shown in re.findall(r"<(\w+)>\s*<(\w+)>", block)}
