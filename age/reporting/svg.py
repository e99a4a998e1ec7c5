"""Draws with matplotlib into SVG that becomes part of a page and takes its colours from the page's style sheet."""

import contextlib
import io
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

# Colours that stand for the page's own, so that one drawing serves light, dark and print.
INK = "#010101"
MUTED = "#020202"
GRID = "#030303"
FIRST = "#040404"
SECOND = "#050505"
PAGE = "#060606"

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
    PAGE: "var(--page)",
}
_COLOUR = re.compile("|".join(_VARIABLES))
_REFERENCE = re.compile(r"#([\w-]+)")

WIDTH = 5.6
"""Width of a chart, inches of 72 units: 403 units, so that letters keep their size on a page of 400 pixels."""

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.labelsize": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


class Drawing:
    """A figure while it is drawn, and its SVG afterwards.

    Attributes:
        figure: the `matplotlib.figure.Figure`.
        svg: the `<svg>` element as text, once the context of `drawing` has ended.
    """

    def __init__(self, figure):
        self.figure = figure
        self.svg = ""


@contextlib.contextmanager
def drawing(name: str, label: str, height: float, layout: str | None = "constrained") -> Iterator[Drawing]:
    """Gives a figure to draw on, and turns it into SVG in the end.

        with drawing("errors", "Distribution of errors", 3) as chart:
            axes = chart.figure.subplots()
        page.append(chart.svg)

    Args:
        name: goes before every id, so that several drawings can be on one page.
        label: what the drawing says, for those who do not see it.
        height: inches; the width is `WIDTH`.
        layout: matplotlib's layout engine, None for margins that the caller sets.
    """
    import matplotlib
    from matplotlib.backends import backend_svg
    from matplotlib.figure import Figure

    # A font that lacks a script's letters matters only for how wide matplotlib takes them to be: the browser draws them.
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(WIDTH, height), layout=layout)
        backend_svg.FigureCanvasSVG(figure)
        drawn = Drawing(figure)
        yield drawn
        written = io.BytesIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    drawn.svg = _for_the_page(written.getvalue(), name, label)


def _renamed(value: str, name: str) -> str:
    return _REFERENCE.sub(lambda match: f"#{name}-{match.group(1)}", value)


def _themed(style: str) -> str:
    return _COLOUR.sub(lambda match: _VARIABLES[match.group(0)], style)


def _for_the_page(content: bytes, name: str, label: str) -> str:
    """Returns matplotlib's file as an element: no prologue, metadata or fonts; own ids; the page's colours; a label."""
    root = ElementTree.fromstring(content)
    for metadata in root.findall(f"{_SVG}metadata"):
        root.remove(metadata)
    for definitions in root.iter(f"{_SVG}defs"):
        for style in definitions.findall(f"{_SVG}style"):
            definitions.remove(style)
    referenced = set()
    for element in root.iter():
        for key, value in _attributes(element):
            if key == _HREF or value.startswith("url(#"):
                referenced.update(_REFERENCE.findall(value))
    for element in root.iter():
        element.tail = None
        if element.tag != f"{_SVG}text":
            element.text = None
        for key, value in _attributes(element):
            if key == "id":
                # matplotlib numbers everything; what a caller named, and what something refers to, is kept.
                if value in referenced or not re.fullmatch(r"[\w.]+_\d+", value):
                    element.set("id", f"{name}-{value}")
                else:
                    del element.attrib["id"]
            elif key == _HREF:
                del element.attrib[_HREF]
                element.set("href", _renamed(value, name))
            elif value.startswith("url(#"):
                element.set(key, _renamed(value, name))
            elif key == "style":
                without_font = re.sub(r"font-family:[^;]*;?|font: ([\d.]+px)[^;]*", _font_size_alone, value)
                element.set("style", _themed(without_font))
    for size in ("width", "height"):
        del root.attrib[size]
    root.attrib.pop("version", None)
    root.set("role", "img")
    root.set("class", "chart")
    root.set("aria-label", label)
    title = ElementTree.Element(f"{_SVG}title")
    title.text = label
    root.insert(0, title)
    ElementTree.register_namespace("", _SVG.strip("{}"))
    return ElementTree.tostring(root, encoding="unicode")


def _attributes(element) -> tuple[tuple[str, str], ...]:
    return tuple(element.attrib.items())


def _font_size_alone(match) -> str:
    return f"font-size: {match.group(1)}" if match.group(1) else ""
