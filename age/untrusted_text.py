"""Makes text that came from outside (file names, attribute values, messages) harmless in a terminal and on a page.

Some characters are commands to a terminal, others are unseen themselves and change how the text around them looks.
"""

import re
import unicodedata
from typing import Any

MAX_CHARACTERS = 1000
"""Length to which texts of a page are cut."""

SHORTENED = "…"

_SPACES = re.compile(r"[\t\n\r]")
_INVISIBLE = frozenset("\u200b\u2060\ufeff\u00ad\u061c\u180e")


def _misleads(character: str) -> bool:
    """Whether a character commands or is unseen: controls, bidirectional marks, lone surrogates, private and separators.

    See Unicode Technical Report 36, sections 2.5 and 3.5. The joiners U+200C and U+200D stay: Persian, Hindi and emoji need
    them.
    """
    if character in "\u200c\u200d":
        return False
    return character in _INVISIBLE or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _spelled_out(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def harmless(text: object, limit: int | None = None) -> str:
    """Returns a text on one line in which every character that could mislead is spelled out, such as `\\x1b` or `\\u202e`.

    This does not escape HTML or Markdown.

    Args:
        text: what to show.
        limit: characters after which it is cut.
    """
    whole = str(text)
    cut = whole if limit is None or len(whole) <= limit else whole[: limit - len(SHORTENED)] + SHORTENED
    if cut.isascii() and cut.isprintable():
        return cut
    cut = _SPACES.sub(" ", cut)
    return "".join(_spelled_out(character) if _misleads(character) else character for character in cut)


def harmless_lines(text: object) -> str:
    """Returns a text as `harmless` does, line by line."""
    return "\n".join(harmless(line) for line in str(text).split("\n"))


def harmless_throughout(value: Any) -> Any:
    """Returns a structure as JSON knows them with every text harmless and cut to `MAX_CHARACTERS`, keys included."""
    if isinstance(value, str):
        return harmless(value, MAX_CHARACTERS)
    if isinstance(value, dict):
        return {harmless(key, MAX_CHARACTERS): harmless_throughout(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [harmless_throughout(item) for item in value]
    return value
