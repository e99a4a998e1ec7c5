"""A label file is read whatever program wrote it, and what can't be read is said in a sentence."""

import pytest
import tensorflow as tf

from age.dataset import label_file
from schemas.bad_input import BadInput


@pytest.fixture
def labels(tmp_path):
    """Writes a label file, text as UTF-8, and returns its path."""

    def write(content):
        path = tmp_path / "labels.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return str(path)

    return write


def names_and_ages(path):
    return [(row.file_name, row.age_text) for row in label_file.read_rows(path)]


def complaint(path):
    """The message with which reading the whole file ends."""
    with pytest.raises(BadInput) as raised:
        list(label_file.read_rows(path))
    message = str(raised.value)
    assert message.startswith(path), "the message says where"
    assert message.endswith("."), "the message is a sentence"
    return message


def test_missing_file_is_said_with_what_was_expected(tmp_path):
    message = complaint(str(tmp_path / "labels.csv"))
    assert "there is no such file" in message
    assert "'file_name'" in message and "'real_age'" in message


@pytest.mark.parametrize("content", ["", "\n", " \r\n\t\n\n", "\ufeff", "\ufeff\n"])
def test_file_without_a_header_is_empty(labels, content):
    message = complaint(labels(content))
    assert "the file is empty" in message
    assert "'file_name,real_age'" in message


def test_directory_instead_of_a_file_is_said(tmp_path):
    (tmp_path / "labels.csv").mkdir()
    assert "can't be read: Is a directory" in complaint(str(tmp_path / "labels.csv"))


def test_header_alone_is_a_file_without_rows(labels):
    path = labels("file_name,real_age\n")
    assert label_file.read_header(path).attributes == ()
    assert list(label_file.read_rows(path)) == []


@pytest.mark.parametrize(
    "header, missing",
    [
        ("file_name,age_years", "no column 'real_age';"),
        ("name,real_age", "no column 'file_name';"),
        ("a,b", "no column 'file_name' and no column 'real_age';"),
        ("File_Name,Real_Age", "no column 'file_name' and no column 'real_age';"),
        ("0001.jpg,25", "no column 'file_name' and no column 'real_age'; the columns are '0001.jpg', '25'."),
    ],
)
def test_missing_columns_are_named_beside_those_found(labels, header, missing):
    message = complaint(labels(f"{header}\nx.jpg,3\n"))
    assert missing in message
    assert all(repr(column) in message for column in header.split(","))


def test_line_of_the_header_is_named_when_blank_lines_come_before(labels):
    assert "labels.csv, line 3: no column" in complaint(labels("\n\na,b\n"))


@pytest.mark.parametrize("header", ["file_name,real_age,gender,gender", "file_name,real_age,file_name"])
def test_column_that_occurs_twice_is_named(labels, header):
    twice = header.split(",")[-1]
    assert f"the column {twice!r} occurs twice" in complaint(labels(f"{header}\n"))


@pytest.mark.parametrize("column", ["age", "image/encoded", "image/sha256", "age_decade"])
def test_column_with_the_name_of_a_feature_is_refused(labels, column):
    message = complaint(labels(f"file_name,real_age,{column}\n"))
    assert f"the column name {column!r} is taken" in message
    assert "Rename" in message


def test_index_column_that_pandas_writes_is_no_attribute(labels):
    path = labels(",file_name,real_age,gender\n0,a.jpg,5,female\n")
    assert label_file.read_header(path).attributes == ("gender",)
    (row,) = label_file.read_rows(path)
    assert (row.file_name, row.age_text, row.attributes) == ("a.jpg", "5", ("female",))


def test_columns_may_come_in_any_order_with_blanks_around_them(labels):
    path = labels(" gender , real_age,camera, file_name\n female , 5,,a.jpg\n")
    assert label_file.read_header(path).attributes == ("gender", "camera")
    (row,) = label_file.read_rows(path)
    assert (row.file_name, row.age_text, row.attributes) == ("a.jpg", " 5", ("female", ""))


def test_byte_order_mark_is_not_part_of_the_first_column(labels):
    path = labels(b"\xef\xbb\xbffile_name,real_age\na.jpg,5\n")
    assert label_file.read_header(path).columns == ("file_name", "real_age")
    assert names_and_ages(path) == [("a.jpg", "5")]


def test_byte_order_mark_before_a_quoted_column_is_no_matter(labels):
    assert names_and_ages(labels(b'\xef\xbb\xbf"file_name","real_age"\n"a.jpg","5"\n')) == [("a.jpg", "5")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_any_line_end_ends_a_row(labels, end):
    path = labels(end.join(["file_name,real_age,gender", "a.jpg,5,female", "b.jpg,6,male"]))
    assert names_and_ages(path) == [("a.jpg", "5"), ("b.jpg", "6")]
    assert [row.attributes for row in label_file.read_rows(path)] == [("female",), ("male",)]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_commas_semicolons_and_tabs_separate_alike(labels, separator):
    rows = [("file_name", "real_age", "gender"), ("a.jpg", "5", "female")]
    path = labels("\n".join(separator.join(row) for row in rows))
    assert label_file.read_header(path).separator == separator
    (row,) = label_file.read_rows(path)
    assert (row.file_name, row.age_text, row.attributes) == ("a.jpg", "5", ("female",))


def test_separator_is_the_one_that_shows_the_required_columns(labels):
    path = labels('file_name;real_age;"light, pose, lens, hat"\na,b.jpg;5;dim\n')
    assert label_file.read_header(path).separator == ";"
    assert names_and_ages(path) == [("a,b.jpg", "5")]


def test_decimal_commas_in_a_semicolon_file_stay_in_their_field(labels):
    path = labels("file_name;real_age\na.jpg;5,5\n")
    assert names_and_ages(path) == [("a.jpg", "5,5")]
    assert label_file.parse_age("5,5") is None


def test_quoted_names_may_hold_commas_quotes_and_line_ends(labels):
    path = labels('file_name,real_age\n"a, b.jpg",5\n"say ""hi"".jpg",6\n"two\nlines.jpg",7\n"two\r\nmore.jpg",8\n9.jpg,9\n')
    rows = list(label_file.read_rows(path))
    assert [row.file_name for row in rows] == ["a, b.jpg", 'say "hi".jpg', "two\nlines.jpg", "two\r\nmore.jpg", "9.jpg"]
    assert [row.line for row in rows] == [2, 3, 5, 7, 8]
    assert [row.age_text for row in rows] == ["5", "6", "7", "8", "9"]


def test_quotation_mark_inside_an_unquoted_name_is_a_character_like_others(labels):
    assert names_and_ages(labels('file_name,real_age\n5"lens.jpg,5\n')) == [('5"lens.jpg', "5")]


def test_names_may_hold_letters_of_any_script(labels):
    names = ["Zoë.jpg", "贝贝.jpg", "имя.jpg", "😀.jpg", "line\u2028separator.jpg", "nel\u0085.jpg"]
    path = labels("file_name,real_age,città\n" + "".join(f"{name},5,Zürich\n" for name in names))
    assert [row.file_name for row in label_file.read_rows(path)] == names
    assert label_file.read_header(path).attributes == ("città",)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_with_what_to_do(labels, encoding):
    message = complaint(labels("file_name,real_age\na.jpg,5\n".encode(encoding)))
    assert "Save it again as UTF-8 CSV." in message
    if encoding == "utf-16":
        assert "the file is UTF-16" in message


def test_latin_1_is_refused_with_its_line_and_byte(labels):
    message = complaint(labels("file_name,real_age\na.jpg,5\nZoë.jpg,6\n".encode("latin-1")))
    assert "labels.csv, line 3: byte 0xeb is not UTF-8" in message
    assert "Save the file again as UTF-8 CSV." in message


def test_nul_character_is_refused_with_its_line(labels):
    message = complaint(labels(b"file_name,real_age\na.jpg,5\nb\0.jpg,6\n"))
    assert "labels.csv, line 3: the line holds a NUL character" in message


def test_unclosed_quotation_mark_swallows_no_rows_but_is_refused_where_it_opens(labels):
    rows = "".join(f"{number}.jpg,5\n" for number in range(20))
    message = complaint(labels(f'file_name,real_age\nok.jpg,4\n"open.jpg,5\n{rows}'))
    assert "labels.csv, line 3: not a line of CSV" in message
    assert "quotation mark without its partner" in message


def test_unclosed_quotation_mark_that_finds_a_later_partner_is_refused(labels):
    message = complaint(labels('file_name,real_age\n"open.jpg,5\nb.jpg,6\n"c.jpg",7\n'))
    assert "labels.csv, line 2: not a line of CSV" in message


def test_unclosed_quotation_mark_in_the_header_is_refused(labels):
    assert "line 1: not a line of CSV" in complaint(labels('file_name,real_age,"gender\na.jpg,5,female\n'))


def test_rows_before_a_damaged_line_are_still_yielded(labels):
    rows = label_file.read_rows(labels('file_name,real_age\na.jpg,4\n"open.jpg,5\n'))
    assert next(rows).file_name == "a.jpg"
    with pytest.raises(BadInput):
        next(rows)


def test_field_too_long_for_csv_is_refused_with_its_line(labels):
    message = complaint(labels("file_name,real_age\n" + "x" * 200_000 + ",5\n"))
    assert "labels.csv, line 2: not a line of CSV: field larger than field limit" in message


@pytest.mark.parametrize(
    "line, name, age, count",
    [("a.jpg", "a.jpg", "", 1), ("a.jpg,5", "a.jpg", "5", 2), ("a.jpg,5,female,extra", "a.jpg", "5", 4)],
)
def test_row_with_too_few_or_too_many_fields_is_yielded_with_its_problem(labels, line, name, age, count):
    path = labels(f"file_name,real_age,gender\nfirst.jpg,4,male\n{line}\nlast.jpg,6,male\n")
    first, row, last = label_file.read_rows(path)
    assert (row.line, row.file_name, row.age_text, row.attributes) == (3, name, age, ("",))
    assert row.problem == f"the row has {count} fields, the header has 3"
    assert (first.problem, last.problem) == (None, None)


def test_blank_lines_are_no_rows_and_keep_the_line_numbers(labels):
    path = labels("\n  \nfile_name,real_age\n\na.jpg,5\n   \n\r\nb.jpg,6\n\n")
    assert [(row.line, row.file_name) for row in label_file.read_rows(path)] == [(5, "a.jpg"), (8, "b.jpg")]


def test_line_of_tabs_before_the_header_of_a_tab_separated_file_is_not_the_header(labels):
    assert names_and_ages(labels("\t\nfile_name\treal_age\na.jpg\t5\n")) == [("a.jpg", "5")]


def test_line_of_separators_alone_is_a_row_that_will_be_rejected(labels):
    (row,) = label_file.read_rows(labels("file_name,real_age\n,\n"))
    assert (row.file_name, row.age_text, row.problem) == ("", "", None)


def test_last_line_needs_no_line_end(labels):
    assert names_and_ages(labels("file_name,real_age\na.jpg,5")) == [("a.jpg", "5")]


@pytest.mark.parametrize(
    "text, age",
    [
        ("25", 25.0),
        (" 25 ", 25.0),
        ("25.5", 25.5),
        ("25.", 25.0),
        (".5", 0.5),
        ("+7", 7.0),
        ("1e1", 10.0),
        ("2.5E+1", 25.0),
        ("0", 0.0),
        ("\u00a025", 25.0),
        # Numbers all the same: whether they are possible ages is the schema's to say.
        ("-3", -3.0),
        ("300", 300.0),
    ],
)
def test_plain_number_is_an_age(text, age):
    assert label_file.parse_age(text) == age


@pytest.mark.parametrize(
    "text",
    ["", "   ", "NaN", "nan", "inf", "-inf", "Infinity", "1e999", "1_0", "25 years", "twenty", "25,5", "0x19", "2-5",
     "1e", "e5", ".", "--5", "２５", "٢٥", "²", "25\n26"],
)  # fmt: skip
def test_anything_else_is_no_age(text):
    assert label_file.parse_age(text) is None


@pytest.mark.parametrize("data_dir", ["file://{tmp_path}", "ram://nothing/here"])
def test_missing_remote_label_file_ends_in_a_sentence(data_dir, tmp_path):
    with pytest.raises(BadInput, match="labels.csv: there is no such file. Expected a CSV file with the columns"):
        label_file.read_header(f"{data_dir.format(tmp_path=tmp_path)}/labels.csv")


def test_remote_label_file_is_read_like_a_local_one():
    with tf.io.gfile.GFile("ram://labels/labels.csv", "wb") as file:
        file.write(b"\xef\xbb\xbffile_name,real_age\r\n" + b'"a,\r\nb.jpg",5\r\n' * 50_000 + b"bad\xff.jpg,5\r\n")
    rows = label_file.read_rows("ram://labels/labels.csv")
    first_rows = [next(rows) for _ in range(50_000)]
    assert {row.file_name for row in first_rows} == {"a,\r\nb.jpg"}
    assert first_rows[-1].line == 100_001
    with pytest.raises(BadInput, match="line 100002: byte 0xff is not UTF-8"):
        next(rows)
