"""Text from files can't command a terminal."""

import pytest

from pipeline.terminal.inert_text import inert, inert_lines


@pytest.mark.parametrize(
    "hostile, shown",
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb\nc\x07", "a\\x0db\\x0ac\\x07"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("half \ud83d", "half \\ud83d"),
        ("[bold]Åsa & 愛[/bold]", "[bold]Åsa & 愛[/bold]"),
    ],
)
def test_characters_that_command_a_terminal_are_spelled_out(hostile, shown):
    assert inert(hostile) == shown


def test_line_ends_stay_where_lines_are_meant():
    assert inert_lines("one\n\x1b[2Jtwo\r") == "one\n\\x1b[2Jtwo\\x0d"
