"""Draws with matplotlib into SVG that becomes part of a page and takes its colours from the page's style sheet."""

import contextlib
import io
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
# matplotlib numbers every group, from one in each drawing.
_NUMBERED = re.compile(r"[A-Za-z.]+(2d)?_\d+")

WIDTH = 5.6
"""Width of a chart, inches of 72 units: 403 units, so that letters keep their size on a page of 400 pixels."""

_SVG = "{http://www.w3.org/2000/svg}"
ElementTree.register_namespace("", _SVG.strip("{}"))
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")

# Newer versions of matplotlib list the keys as literals, older ones say str.
_STYLE: dict[Any, object] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
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

    def __init__(self, figure: "Figure"):
        self.figure = figure
        self.svg = ""


@contextlib.contextmanager
def drawing(name: str, label: str, height: float, layout: Literal["constrained"] | None = "constrained") -> Iterator[Drawing]:
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
    # With a salt of its own, what refers to something by its id finds it in the same drawing.
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(WIDTH, height), layout=layout)
        backend_svg.FigureCanvasSVG(figure)
        drawn = Drawing(figure)
        yield drawn
        for artist in figure.findobj(lambda artist: artist.get_gid() is not None):
            artist.set_gid(f"{name}-{artist.get_gid()}")
        engine = figure.get_layout_engine()
        if engine:
            # `savefig` would draw everything once more to lay it out.
            engine.execute(figure)
            figure.set_layout_engine(None)
        written = io.BytesIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Title": label})
    drawn.svg = _for_the_page(written.getvalue(), label)


def _for_the_page(content: bytes, label: str) -> str:
    """Returns matplotlib's file as an element: no prologue, metadata or style sheet; no numbered ids; the page's colours."""
    root = ElementTree.fromstring(content)
    # The first definition is a style sheet, which would hold for the whole page.
    for name in ("metadata", "defs"):
        unwanted = root.find(f"{_SVG}{name}")
        if unwanted is not None:
            root.remove(unwanted)
    for element in root.iter():
        if _NUMBERED.fullmatch(element.get("id", "")):
            del element.attrib["id"]
        if "style" in element.attrib:
            element.set("style", _COLOUR.sub(lambda match: _VARIABLES[match.group()], element.attrib["style"]))
    root.attrib.update({"role": "img", "class": "chart", "aria-label": label})
    return ElementTree.tostring(root, encoding="unicode")
