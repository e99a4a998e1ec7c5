"""What becomes of text from outside."""

import pytest

from age.untrusted_text import harmless, harmless_lines, harmless_throughout


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain.jpg", "plain.jpg"),
        ("two\nlines\tand\rtabs", "two lines and tabs"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("bell\x07 and byte\udcff", "bell\\x07 and byte\\udcff"),
        ("half \ud83d", "half \\ud83d"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("a tag \U000e0041", "a tag \\U000e0041"),
        ("line\u2028separator", "line\\u2028separator"),
        ("שלום, 漢字, ü", "שלום, 漢字, ü"),
        ("[bold]Åsa & 愛[/bold]", "[bold]Åsa & 愛[/bold]"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_what_misleads_is_spelt_out_and_letters_stay(text, shown):
    assert harmless(text) == shown


def test_long_text_is_cut():
    assert harmless("a" * 50, 10) == "a" * 9 + "…"
    assert harmless("a" * 10, 10) == "a" * 10
    assert harmless("a" * 5000) == "a" * 5000


def test_line_ends_stay_where_lines_are_meant():
    assert harmless_lines("one\n\x1b[2Jtwo\x07") == "one\n\\x1b[2Jtwo\\x07"
    assert "\r" not in harmless_lines("BLESSED\rNOT")


def test_structures_are_treated_throughout_and_numbers_left_alone():
    assert harmless_throughout({"a\x00": ["\u202e", {"b": 1.5}], "c": None}) == {
        "a\\x00": ["\\u202e", {"b": 1.5}],
        "c": None,
    }
    assert len(harmless_throughout(["a" * 5000])[0]) == 1000
