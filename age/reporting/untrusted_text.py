"""Makes text that came from outside (file names, attribute values, messages) fit to be shown."""

import unicodedata
from typing import Any

MAX_CHARACTERS = 1000
SHORTENED = "…"

_INVISIBLE = frozenset("\u200b\u2060\ufeff\u00ad\u061c\u180e")


def _misleads(character: str) -> bool:
    """Whether a character is unseen itself and changes how others look: controls, bidirectional marks, lone surrogates.

    See Unicode Technical Report 36, sections 2.5 and 3.5. The joiners U+200C and U+200D stay: Persian, Hindi and emoji need
    them.
    """
    if character in "\u200c\u200d":
        return False
    return character in _INVISIBLE or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def plain(text: str, limit: int = MAX_CHARACTERS) -> str:
    """Returns `text` on one line, with at most `limit` characters and every character that could mislead written as `\\u202e`.

    This does not escape HTML or Markdown.
    """
    cut = text if len(text) <= limit else text[: limit - len(SHORTENED)] + SHORTENED
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(
        " " if character in "\t\n\r" else f"\\u{ord(character):04x}" if _misleads(character) else character
        for character in cut
    )


def plain_throughout(value: Any) -> Any:
    """Returns a structure as JSON knows them with `plain` applied to every text, keys included."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, dict):
        return {plain(str(key)): plain_throughout(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_throughout(item) for item in value]
    return value
