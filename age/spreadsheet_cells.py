"""Keeps text of strangers from being run as a formula by the spreadsheet in which somebody opens a CSV file.

After OWASP, CSV Injection (https://owasp.org/www-community/attacks/CSV_Injection): a cell that begins with `=`, `+`, `-`, `@`, a tab
or a carriage return gets a quotation mark before it. Plain numbers keep their sign, because no spreadsheet runs them.
"""

import re

_MARK = "'"
_DANGEROUS = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


def harmless(text: str) -> str:
    """Returns the text as a spreadsheet may have it."""
    return _MARK + text if _DANGEROUS.match(text) and not _NUMBER.fullmatch(text) else text


def original(cell: str) -> str:
    """Returns the text of which `harmless` made a cell."""
    return cell[1:] if cell.startswith(_MARK) and _DANGEROUS.match(cell) else cell
