"""Makes text from files harmless in a terminal, where some characters are commands."""

import re

# Control characters (escape sequences begin with one), invisible marks that turn the direction of writing, line and paragraph
# separators, and halves of surrogate pairs, which can't be written.
_COMMANDS = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_COMMANDS_BUT_LINE_ENDS = re.compile(_COMMANDS.pattern.replace("\x0a-", "\x0b-"))


def _spelled_out(match) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def inert(text: object) -> str:
    """Returns a text of one line in which every character that could command a terminal is spelled out: `\\x1b`."""
    return _COMMANDS.sub(_spelled_out, str(text).replace("\t", " "))


def inert_lines(text: object) -> str:
    """Returns `text` as `inert` does, with its line ends."""
    return _COMMANDS_BUT_LINE_ENDS.sub(_spelled_out, str(text).replace("\t", " "))
