"""The lines of a record's file: whole, packed, or damaged."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.records.record import Row
from harness.records.schema import said

BEGINNING = '{"kind": "'
"""How every line begins; one that begins so and is cut short was being written."""

NOT_JSON = "is not JSON"


@dataclass
class Lines:
    """The lines of a file as rows.

    kinds, rows: one row per line, without its kind; "" and {} for a line that is no row
    damage:      what is wrong with a line, by its index
    torn:        indices of lines cut short while they were written
    note:        what is wrong with the file as a whole; `lost`: lines may be missing or altered
    """

    kinds: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    damage: dict[int, str] = field(default_factory=dict)
    torn: set[int] = field(default_factory=set)
    note: str = ""
    lost: bool = False


def read(path: Path) -> Lines:
    """Read a file; OSError where it cannot be read."""
    data, note, lost = path.read_bytes(), "", False
    if path.suffix == ".gz":
        data, note, lost = unpacked(data)
    try:
        found = _together(data.decode())
    except (ValueError, RecursionError):
        found = _one_by_one(data)
    found.note, found.lost = note, lost
    return found


def unpacked(data: bytes) -> tuple[bytes, str, bool]:
    """Unpack gzip data: return the text, what is wrong with it, and whether some of it is lost."""
    with suppress(OSError, EOFError, zlib.error):
        if data:  # gzip finds no fault with an empty file
            return gzip.decompress(data), "", False
    unpacker, found = zlib.decompressobj(wbits=31), bytearray()
    try:
        for i in range(0, len(data), 256):  # what comes before the damage is kept
            found += unpacker.decompress(data[i : i + 256])
            if unpacker.eof:
                return bytes(found), "more bytes follow its packed text", False
    except zlib.error:
        return bytes(found), "it cannot be unpacked completely", True
    return bytes(found), "its packed text is cut short", True


def _together(text: str) -> Lines:
    """All lines at once, which is fast; ValueError where one of them is not as it was written."""
    count = text.count("\n")
    if not text.endswith("\n") or text.count("\n" + BEGINNING) != count - 1 or r"\ud" in text:
        raise ValueError
    rows = json.loads("[" + text[:-1].replace("\n", ",\n") + "]")
    if len(rows) != count or set(map(type, rows)) != {dict}:
        raise ValueError
    kinds = [row.get("kind") for row in rows]
    if set(map(type, kinds)) != {str} or "" in kinds:
        raise ValueError
    for row in rows:
        del row["kind"]
    return Lines(kinds, rows)


def _one_by_one(data: bytes) -> Lines:
    """The lines one by one, with what is wrong with each."""
    found = Lines()
    for i, line in enumerate(data.split(b"\n")):
        row, wrong = _row(line)
        if wrong:
            found.damage[i] = wrong
            if wrong == NOT_JSON and _cut_short(line):
                found.torn.add(i)
        found.kinds.append(row.pop("kind", ""))
        found.rows.append(row)
    return found


def _row(line: bytes) -> tuple[Row, str]:
    """A line as a row, and what is wrong with it; a blank line is neither a row nor damage."""
    try:
        text = line.decode()
        row = json.loads(text) if text.strip() else {"kind": ""}
        json.dumps(row, ensure_ascii=False).encode()  # half a character cannot be printed
    except UnicodeError:
        return {}, "is not text"
    except (ValueError, RecursionError):
        return {}, NOT_JSON
    if not isinstance(row, dict):
        return {}, "is JSON, but not an object"
    if "kind" not in row:
        return {}, "has no kind"
    if not isinstance(row["kind"], str) or (not row["kind"] and len(row) > 1):
        return {}, f"is of an unknown kind: {said(row['kind'])}"
    return row, ""


def _cut_short(line: bytes) -> bool:
    """Whether a line that is not JSON is the beginning of one that was being written."""
    text = line.decode()
    begun = text[: len(BEGINNING)] == BEGINNING[: len(text)]
    return begun and text.isascii() and text.isprintable() and not text.endswith("}")
