"""What the documents name exists."""

import pathlib
import re

import pytest

CHECKOUT = pathlib.Path(__file__).parents[2]
DOCUMENTS = [*sorted(CHECKOUT.glob("*.md")), *sorted((CHECKOUT / "docs").glob("*.md"))]
FOLDERS = ("age", "benchmarks", "components", "configs", "deploy", "docs", "locks", "pipeline", "proofs", "schemas", "tests")
PATH = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./*-]*)`")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
FLOOR = re.compile(r"^ *[┌├]─ (\w+)/ ")
IN_PICTURE = re.compile(r"(?<![\w/])[\w]+(?:/|\.py|\.pbtxt)(?!\w)")
# Named to say that it isn't there.
ABSENT = {"deploy/flink/jars-2.70.0.sha256"}


def identify(path):
    return path.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=identify)
def test_every_path_that_a_document_names_exists(document):
    named = set(PATH.findall(document.read_text(encoding="utf-8"))) - ABSENT
    assert [path for path in sorted(named) if not list(CHECKOUT.glob(path.rstrip("/")))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=identify)
def test_every_link_to_a_file_leads_to_it(document):
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_what_the_picture_of_the_house_shows_stands_on_its_floor():
    lines = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines()
    floor, shown = None, []
    for line in lines:
        entered = FLOOR.match(line)
        floor = entered[1] if entered else floor
        if line.startswith("    │"):
            shown.extend(f"{floor}/{name}" for name in IN_PICTURE.findall(line))
    assert len(shown) > 20
    assert [path for path in shown if not (CHECKOUT / path).exists()] == []
