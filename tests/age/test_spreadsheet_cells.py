"""Text that a spreadsheet would take for a formula."""

import pytest

from age.spreadsheet_cells import harmless, original


@pytest.mark.parametrize(
    "text", ["=1+1", '=HYPERLINK("http://x")', "+1 (555)", "-anna.jpg", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''+a"]
)
def test_a_formula_gets_a_mark_before_it_and_is_read_back_as_it_was(text):
    assert harmless(text) == "'" + text
    assert original(harmless(text)) == text


@pytest.mark.parametrize("text", ["", "anna.jpg", "-5", "+0.5", "-1e-3", "1=2", "'quoted'", "' '", "a@b", "nan"])
def test_anything_else_stays_as_it_is(text):
    assert harmless(text) == text == original(text)
