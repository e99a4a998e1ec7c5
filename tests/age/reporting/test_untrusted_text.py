"""What becomes of text from outside."""

import pytest

from age.reporting.untrusted_text import plain, plain_throughout


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain.jpg", "plain.jpg"),
        ("two\nlines\tand tabs", "two lines and tabs"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("bell\x07 and byte\udcff", "bell\\u0007 and byte\\udcff"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("שלום, 漢字, ü", "שלום, 漢字, ü"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_what_misleads_is_spelt_out_and_letters_stay(text, shown):
    assert plain(text) == shown


def test_long_text_is_cut():
    assert plain("a" * 50, 10) == "a" * 9 + "…"
    assert plain("a" * 10, 10) == "a" * 10


def test_structures_are_treated_throughout_and_numbers_left_alone():
    assert plain_throughout({"a\x00": ["\u202e", {"b": 1.5}], "c": None}) == {"a\\u0000": ["\\u202e", {"b": 1.5}], "c": None}
