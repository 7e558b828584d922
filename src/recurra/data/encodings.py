"""What a file is that is not UTF-8 text, as well as its bytes tell."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

BOM: Final = codecs.BOM_UTF8

_LOOKED_AT: Final = 1 << 16  # bytes around the fault that the guess is made from

_MAGIC: Final = (
    (b"%PDF-", "a PDF", "take the text out of it: pdftotext"),
    (b"PK\x03\x04", "a ZIP archive (docx, xlsx and epub are such)", "unpack it, or save as .txt"),
    (b"\x1f\x8b", "a gzip archive", "unpack it: gunzip"),
    (b"\xfd7zXZ\x00", "an xz archive", "unpack it: unxz"),
    (b"BZh", "a bzip2 archive", "unpack it: bunzip2"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it: unzstd"),
    (b"\x89PNG", "a PNG picture", "give a text file"),
    (b"\xff\xd8\xff", "a JPEG picture", "give a text file"),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "save it as .txt"),
)


@final
@dataclass(frozen=True)
class Guess:
    """What the bytes look like, and what to do; `{name}` in `fix` stands for the file."""

    found: str
    fix: str

    def fix_for(self, name: str) -> str:
        """What to do with the file of this name; quoted for a shell."""
        import shlex  # only where a file is refused

        return self.fix.format(name=shlex.quote(name))


def _convert(encoding: str) -> str:
    return f"convert it: iconv -f {encoding} -t UTF-8 {{name}} > converted.txt"


def foreign(data: bytes) -> Guess | None:
    """What `data` is where it is surely no UTF-8 text: another Unicode form, an archive, binary."""
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16, whose mark it begins with
        (codecs.BOM_UTF32_BE, "UTF-32"),
        (codecs.BOM_UTF16_LE, "UTF-16"),
        (codecs.BOM_UTF16_BE, "UTF-16"),
    ):
        if data.startswith(mark):
            return Guess(f"its byte order mark says {encoding}", _convert(encoding))
    for magic, what, fix in _MAGIC:
        # bzip2's mark is three letters that a text may begin with.
        if data.startswith(magic) and (magic != b"BZh" or data[4:10] == b"1AY&SY"):
            return Guess(f"it is {what}", fix)
    at = data.find(0)
    if at < 0:
        return None
    head = data[:_LOOKED_AT]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    for encoding, zeros, others in (("UTF-16LE", odd, even), ("UTF-16BE", even, odd)):
        if zeros >= 8 and zeros > len(head) // 16 and others * 8 < zeros:
            return Guess(f"it looks like {encoding} (every other byte is 0)", _convert(encoding))
    return binary(at)


def binary(at: int) -> Guess:
    """What holds a 0 at byte `at`."""
    return Guess(f"it is binary (byte {at:,} is 0)", "give a text file")


def likely_encoding(data: bytes, offset: int) -> Guess:
    """What `data`, not UTF-8 at `offset`, looks like.

    A guess from the characters that come out where the bytes around the fault are read as each of
    the candidates: Hangul from CP949, kana from Shift JIS, and so on; Latin-1 takes what is left.
    """
    if len(data) - offset < 4 and _is_begun(data[offset:]):
        return Guess(
            "the file ends in the middle of a character",
            "it was cut off: copy it again, or drop its last bytes",
        )
    near = data[max(0, offset - _LOOKED_AT) : offset + _LOOKED_AT]
    if _is_mostly_utf8(near):
        return Guess(
            "the rest looks like UTF-8, so the file is damaged here",
            "mend the byte, or drop what is broken: iconv -c -f UTF-8 -t UTF-8 {name} > mended.txt",
        )
    if not _is_scattered(near):
        for encoding, script, belongs in _CANDIDATES:
            if _share(near, encoding, belongs) > 0.8:
                return Guess(f"it looks like {encoding} ({script})", _convert(encoding))
    if any(0x80 <= byte < 0xA0 for byte in near):
        return Guess("it looks like Windows-1252 (Western European)", _convert("WINDOWS-1252"))
    return Guess("it looks like Latin-1 (Western European)", _convert("LATIN1"))


def _is_begun(tail: bytes) -> bool:
    """Whether `tail` is the beginning of one character and nothing else."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        return decoder.decode(tail) == ""
    except UnicodeDecodeError:
        return False


def _is_mostly_utf8(data: bytes) -> bool:
    """Whether far more characters beyond ASCII are right than wrong."""
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    right = sum(character > "\x7f" for character in text) - wrong
    return right > 4 * wrong


def _is_scattered(data: bytes) -> bool:
    """Whether high bytes stand alone, as in Western text; in others they come in runs."""
    runs = re.findall(rb"[\x80-\xff]+", data)
    return sum(map(len, runs)) < 1.5 * len(runs)


def _share(data: bytes, encoding: str, belongs: Callable[[str], bool]) -> float:
    """The share of the characters beyond ASCII that belong to the script; 0 where it fails."""
    decoder = codecs.getincrementaldecoder(encoding)()  # the window may end inside a character
    try:
        text = decoder.decode(data)
    except UnicodeDecodeError:
        return 0.0
    beyond = [character for character in text if character > "\x7f"]
    return sum(map(belongs, beyond)) / max(len(beyond), 1)


def _is_hangul(character: str) -> bool:
    return "\uac00" <= character <= "\ud7a3"


def _is_han(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"


def _is_japanese(character: str) -> bool:
    # Not the halfwidth katakana, which any run of high bytes turns into.
    return "\u3000" <= character <= "\u30ff" or _is_han(character)


def _is_chinese(character: str) -> bool:
    return (
        "\u3000" <= character <= "\u3002" or "\uff00" <= character <= "\uff1f" or _is_han(character)
    )


def _is_small_cyrillic(character: str) -> bool:
    return "\u0430" <= character <= "\u044f"


_CANDIDATES: Final = (
    ("SHIFT_JIS", "Japanese", _is_japanese),  # before CP949, which can read most of it
    ("CP949", "Korean", _is_hangul),
    ("EUC-JP", "Japanese", _is_japanese),
    ("GB18030", "Chinese", _is_chinese),
    ("BIG5", "Chinese", _is_chinese),
    ("WINDOWS-1251", "Cyrillic", _is_small_cyrillic),
    ("KOI8-R", "Cyrillic", _is_small_cyrillic),
)
