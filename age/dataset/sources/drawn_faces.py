"""Draws cartoon faces that look their age, for a demo without photographs of anybody.

Every sign of age is one that real faces show: a child's round head with large, low-set eyes; greying and receding
hair; lines on the forehead, beside the eyes and around the mouth; thinner lips, heavier lids and jaw, longer ears,
paler skin; glasses and beards with their usual onset. Each sign keeps its own time (people age differently), so that no
single one gives the age away and all of them together give it to within a few years. Skin, hair and eye colour,
backdrop, clothes, pose and light say nothing about it.

Lengths below are fractions of the image's side, with y pointing down.
"""

import dataclasses
import math
import random
from collections.abc import Iterable, Sequence

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Point = tuple[float, float]

GENDERS = ("female", "male")
BACKDROPS = {
    "blue": (134, 168, 205),
    "green": (146, 186, 150),
    "grey": (172, 172, 176),
    "rose": (212, 166, 172),
    "sand": (214, 196, 156),
}
"""Name and colour of the backdrops, in the order in which they are drawn from."""

_SUPERSAMPLING = 3
_NOISE = 0.05
"""Share of random grain in the final picture."""

_SKINS = ((255, 219, 190), (241, 194, 155), (224, 172, 128), (190, 132, 88), (141, 92, 60), (98, 64, 44))
_HAIRS = ((44, 30, 24), (70, 44, 28), (104, 66, 38), (140, 92, 52), (150, 70, 40), (190, 148, 88))
_EYES = ((70, 50, 35), (95, 70, 40), (70, 105, 140), (85, 120, 85))
_CLOTHES = ((70, 80, 120), (150, 60, 60), (60, 110, 90), (200, 190, 170), (60, 60, 66), (170, 120, 60))
_GREY = (158, 156, 154)
_WHITE = (236, 236, 234)
_LENS_FRAMES = ((40, 36, 36), (110, 70, 40), (150, 150, 156))

_CIRCLE = [(math.cos(2 * math.pi * step / 28), math.sin(2 * math.pi * step / 28)) for step in range(28)]


def _colour(channels: Iterable[int]) -> Colour:
    red, green, blue = channels
    return red, green, blue


def _mix(first: Colour, second: Colour, share: float) -> Colour:
    """Returns the colour that is `share` (0-1) of the way from `first` to `second`."""
    return _colour(round(a + (b - a) * share) for a, b in zip(first, second))


def _shade(colour: Colour, factor: float) -> Colour:
    return _colour(min(255, round(channel * factor)) for channel in colour)


def _vary(rng: random.Random, colour: Colour, spread: int) -> Colour:
    return _colour(min(255, max(0, channel + rng.randint(-spread, spread))) for channel in colour)


def _ramp(value: float, start: float, end: float) -> float:
    """Returns 0 up to `start`, 1 from `end` on and a straight line in between."""
    return min(1.0, max(0.0, (value - start) / (end - start)))


@dataclasses.dataclass(frozen=True)
class Appearance:
    """How one face looks; numbers go from 0 (not at all) to 1 (fully), but for the count of age spots."""

    childlike: float
    greying: float
    receding: float
    forehead_lines: float
    eye_lines: float
    mouth_lines: float
    sagging: float
    pallor: float
    ear_growth: float
    beard: float
    glasses: bool
    long_hair: bool
    spots: int
    skin: Colour
    hair: Colour
    eyes: Colour
    clothes: Colour


def appearance(rng: random.Random, age: float, gender: str) -> Appearance:
    """Draws by lot how somebody of this age looks.

    Args:
        rng: source of chance.
        age: years.
        gender: one of `GENDERS`.
    """
    overall = rng.gauss(0, 1.2)

    def looks(spread: float = 2.0) -> float:
        """Age that one sign shows, years."""
        return age + overall * min(1.0, age / 20) + rng.gauss(0, spread) * min(1.0, (age + 2) / 25)

    male = gender == "male"
    adult_beard = male and rng.random() < 0.55
    return Appearance(
        childlike=1.0 - _ramp(looks(), 0, 22),
        greying=_ramp(looks(), 28, 78),
        receding=_ramp(looks(), 22, 85) * (1.0 if male else 0.5),
        forehead_lines=_ramp(looks(), 24, 86),
        eye_lines=_ramp(looks(), 28, 80),
        mouth_lines=_ramp(looks(), 18, 84),
        sagging=_ramp(looks(), 20, 90),
        pallor=_ramp(looks(), 10, 90),
        ear_growth=_ramp(looks(), 5, 90),
        beard=(rng.uniform(0.35, 0.75) if adult_beard else 0.12 * male) * _ramp(looks(), 15, 22),
        glasses=rng.random() < 0.06 + 0.5 * _ramp(age, 38, 60),
        long_hair=rng.random() < (0.08 if male else 0.8),
        spots=int(max(0.0, rng.gauss(_ramp(looks(), 50, 90) * 7, 1))),
        skin=_vary(rng, rng.choice(_SKINS), 8),
        hair=_vary(rng, rng.choice(_HAIRS), 8),
        eyes=rng.choice(_EYES),
        clothes=_vary(rng, rng.choice(_CLOTHES), 20),
    )


class _Canvas:
    """Draws shapes given in fractions of the image's side, turned and moved by the pose."""

    def __init__(self, image: Image.Image, turn: float, zoom: float, shift: tuple[float, float]):
        self._draw = ImageDraw.Draw(image)
        self._side = image.width
        self._cosine = math.cos(turn) * zoom * self._side
        self._sine = math.sin(turn) * zoom * self._side
        self._middle = ((0.5 + shift[0]) * self._side, (0.5 + shift[1]) * self._side)

    def _place(self, points: Sequence[Point]) -> list[Point]:
        cosine, sine, (middle_x, middle_y) = self._cosine, self._sine, self._middle
        return [
            (middle_x + (x - 0.5) * cosine - (y - 0.5) * sine, middle_y + (x - 0.5) * sine + (y - 0.5) * cosine)
            for x, y in points
        ]

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self._draw.polygon(self._place(points), fill=colour)

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, colour: Colour) -> None:
        self.polygon([(x + radius_x * cosine, y + radius_y * sine) for cosine, sine in _CIRCLE], colour)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        self._draw.line(self._place(points), fill=colour, width=max(1, round(width * self._side)), joint="curve")

    def arc(self, left: float, right: float, y: float, sag: float, width: float, colour: Colour) -> None:
        """Draws a shallow bow from left to right whose middle hangs `sag` below `y`."""
        steps = [step / 6 for step in range(7)]
        self.line([(left + (right - left) * t, y + sag * 4 * t * (1 - t)) for t in steps], width, colour)

    def ring(self, x: float, y: float, radius_x: float, radius_y: float, width: float, colour: Colour) -> None:
        points = [(x + radius_x * cosine, y + radius_y * sine) for cosine, sine in _CIRCLE]
        self.line(points + points[:2], width, colour)


@dataclasses.dataclass(frozen=True)
class _Head:
    """Where the parts of a head are; `jaw` widens (or narrows, below 0) its lower half by that share."""

    x: float
    half_width: float
    top: float
    chin: float
    eye_line: float
    jaw: float

    @property
    def middle(self) -> float:
        return (self.top + self.chin) / 2

    def outline(self, grow: float = 1.0) -> list[Point]:
        """Returns the head's outline, clockwise from its right; `grow` widens it about its middle."""
        half_height = (self.chin - self.top) / 2
        points = []
        for cosine, sine in _CIRCLE:
            width = self.half_width
            if sine > 0:
                width *= 1 + self.jaw * math.sin(math.pi * sine)
            points.append((self.x + cosine * width * grow, self.middle + sine * half_height * grow))
        return points


def _head(rng: random.Random, look: Appearance, gender: str) -> _Head:
    child = look.childlike
    half_width = 0.262 + 0.022 * child + rng.uniform(-0.008, 0.008)
    height = 0.70 - 0.125 * child + rng.uniform(-0.012, 0.012)
    top = 0.155 + 0.065 * child
    jaw = -0.14 + 0.32 * look.sagging + 0.07 * child + (0.05 if gender == "male" else 0.0)
    return _Head(
        x=0.5,
        half_width=half_width,
        top=top,
        chin=top + height,
        eye_line=top + height * (0.455 + 0.10 * child),
        jaw=jaw,
    )


def _draw_behind_head(canvas: _Canvas, head: _Head, look: Appearance, skin: Colour, hair: Colour) -> None:
    if look.long_hair:
        half, length = head.half_width * 1.2, 0.36 - 0.14 * look.childlike
        falls = [
            (
                head.x + half * (cosine if sine < 0 else math.copysign(abs(cosine) ** 0.4, cosine)),
                head.middle - 0.02 + (0.34 if sine < 0 else length) * sine,
            )
            for cosine, sine in _CIRCLE
        ]
        canvas.polygon(falls, hair)
    canvas.polygon([(0.40, 0.78), (0.60, 0.78), (0.63, 1.1), (0.37, 1.1)], _shade(skin, 0.82))
    shoulder = 0.44 - 0.10 * look.childlike
    canvas.ellipse(head.x, 1.16, shoulder, 0.24, look.clothes)
    ear = 0.050 + 0.048 * look.ear_growth
    for side in (-1, 1):
        x = head.x + side * head.half_width
        canvas.ellipse(x, head.eye_line + 0.03, 0.042, ear, _shade(skin, 0.90))
        canvas.ellipse(x, head.eye_line + 0.03, 0.022, ear * 0.6, _shade(skin, 0.76))


def _draw_hair(canvas: _Canvas, head: _Head, look: Appearance, hair: Colour) -> None:
    """Draws the hair on top: the head's upper outline, down to a hairline that recedes first at the temples."""
    over = [(x, y) for x, y in head.outline(1.05) if y <= head.eye_line - 0.02]
    over.sort(key=lambda point: point[0])
    height = head.chin - head.top
    forehead = head.top + height * (0.21 - 0.21 * look.receding + 0.03 * look.childlike)
    temples = head.top + height * (0.22 - 0.26 * look.receding)
    hairline = []
    for share in (0.84, 0.65, 0.45, 0.25, 0.0, -0.25, -0.45, -0.65, -0.84):
        scalp = head.middle - height / 2 * math.sqrt(1 - share * share)
        y = temples * abs(share) + forehead * (1 - abs(share))
        hairline.append((head.x + head.half_width * share, max(y, scalp - 0.010)))
    right, left = over[-1], over[0]
    canvas.polygon(over + [(right[0] - 0.03, right[1]), *hairline, (left[0] + 0.03, left[1])], hair)


def _draw_lines(canvas: _Canvas, rng: random.Random, head: _Head, look: Appearance, skin: Colour, eye_gap: float) -> None:
    def crease(strength: float) -> Colour:
        return _shade(skin, 1 - 0.58 * strength)

    height = head.chin - head.top
    for row in range(1 + round(3 * look.forehead_lines)):
        strength = min(1.0, look.forehead_lines * 1.25 - 0.08 * row)
        if strength > 0.06:
            half = head.half_width * (0.30 + 0.30 * look.forehead_lines + rng.uniform(-0.04, 0.04))
            y = head.eye_line - 0.135 - 0.040 * row
            if y > head.top + 0.07:
                canvas.arc(head.x - half, head.x + half, y, -0.012, 0.014, crease(strength))
    reach = 0.015 + 0.055 * look.eye_lines
    for side in (-1, 1):
        outer = head.x + side * (eye_gap + 0.088)
        if look.eye_lines > 0.05:
            for slope in (-0.7, 0.0, 0.7):
                start = (outer, head.eye_line + slope * 0.015)
                end = (outer + side * reach, head.eye_line + slope * (0.015 + reach))
                canvas.line([start, end], 0.011, crease(look.eye_lines))
            bag = head.x + side * eye_gap
            canvas.arc(bag - 0.06, bag + 0.06, head.eye_line + 0.062, 0.022, 0.015, crease(look.eye_lines * 0.9))
        if look.mouth_lines > 0.05:
            top = (head.x + side * 0.060, head.eye_line + height * 0.22)
            end = (head.x + side * (0.105 + 0.02 * look.sagging), top[1] + 0.04 + 0.13 * look.mouth_lines)
            middle = (head.x + side * 0.105, (top[1] * 0.6 + end[1] * 0.4))
            canvas.line([top, middle, end], 0.010 + 0.008 * look.mouth_lines, crease(look.mouth_lines))
    for _ in range(look.spots):
        x = head.x + rng.uniform(-0.8, 0.8) * head.half_width
        y = head.middle + rng.uniform(-0.6, 0.5) * height / 2
        canvas.ellipse(x, y, 0.010, 0.008, _shade(skin, 0.72))


def _draw_eyes(
    canvas: _Canvas, rng: random.Random, head: _Head, look: Appearance, skin: Colour, hair: Colour, gap: float
) -> None:
    radius = 0.045 + 0.030 * look.childlike
    opening = radius * (0.80 + 0.15 * look.childlike - 0.38 * look.sagging)
    gaze = rng.uniform(-0.012, 0.012)
    brow_rise = rng.uniform(-0.008, 0.012)
    for side in (-1, 1):
        x = head.x + side * gap
        canvas.ellipse(x, head.eye_line, radius * 1.22, opening * 1.18, _shade(skin, 0.74))
        canvas.ellipse(x, head.eye_line + 0.004, radius * 1.12, opening, (248, 246, 242))
        iris = min(opening * 0.95, radius * 0.66)
        canvas.ellipse(x + gaze, head.eye_line + 0.003, iris, iris, look.eyes)
        canvas.ellipse(x + gaze, head.eye_line + 0.003, iris * 0.5, iris * 0.5, (20, 16, 16))
        glint = iris * 0.22
        canvas.ellipse(x + gaze + iris * 0.35, head.eye_line - iris * 0.35, glint, glint, (255, 255, 255))
        lid, lid_width = opening * 0.55, 0.010 + 0.012 * look.sagging
        canvas.arc(x - radius * 1.15, x + radius * 1.15, head.eye_line - lid, -lid, lid_width, _shade(skin, 0.52))
        brow = head.eye_line - radius - 0.042 - brow_rise
        width = 0.012 + 0.014 * (1 - look.childlike)
        brow_colour = _mix(_shade(hair, 0.85), skin, 0.15 + 0.35 * look.childlike)
        canvas.arc(x - 0.062, x + 0.062, brow, -0.014, width, brow_colour)


def _draw_nose_and_mouth(canvas: _Canvas, rng: random.Random, head: _Head, look: Appearance, skin: Colour) -> None:
    height = head.chin - head.top
    nose = head.eye_line + height * (0.235 - 0.06 * look.childlike)
    width = 0.028 + 0.022 * look.ear_growth + 0.006 * (1 - look.childlike)
    canvas.line([(head.x - 0.012, head.eye_line + 0.02), (head.x - width * 0.8, nose)], 0.008, _shade(skin, 0.86))
    canvas.ellipse(head.x, nose, width, 0.024, _shade(skin, 0.88))
    for side in (-1, 1):
        canvas.ellipse(head.x + side * width * 0.5, nose + 0.010, 0.008, 0.006, _shade(skin, 0.55))
    mouth = head.eye_line + height * (0.355 - 0.04 * look.childlike)
    half = 0.075 + 0.025 * (1 - look.childlike) + rng.uniform(-0.008, 0.008)
    smile = rng.uniform(0.0, 0.035) - 0.012 * look.sagging
    lips = _mix(_mix(skin, (176, 62, 70), 0.55), _shade(skin, 0.8), 0.6 * look.pallor)
    thickness = 0.034 * (1 - 0.62 * look.sagging)
    canvas.arc(head.x - half, head.x + half, mouth, smile, thickness, lips)
    canvas.arc(head.x - half, head.x + half, mouth, smile, 0.008, _shade(lips, 0.55))


def _draw_beard(canvas: _Canvas, head: _Head, look: Appearance, skin: Colour, hair: Colour) -> None:
    if look.beard > 0.02:
        lip = head.eye_line + (head.chin - head.top) * 0.29
        lower = [(x, y) for x, y in head.outline(0.985) if y >= head.eye_line + 0.05]
        lower.sort(key=lambda point: -point[0])
        sideburn = head.eye_line + 0.06
        right = [(0.0, lip - 0.012), (0.085, lip), (0.135, lip + 0.05), (0.205, lip - 0.03), (0.23, sideburn)]
        left = [(-x, y) for x, y in reversed(right)]
        canvas.polygon(lower + [(head.x + x, y) for x, y in left + right], _mix(skin, hair, look.beard))


def _draw_glasses(canvas: _Canvas, head: _Head, frame: Colour, gap: float) -> None:
    for side in (-1, 1):
        canvas.ring(head.x + side * gap, head.eye_line + 0.008, 0.090, 0.074, 0.014, frame)
        edge = head.x + side * (gap + 0.090)
        ear = head.x + side * head.half_width
        canvas.line([(edge, head.eye_line - 0.01), (ear, head.eye_line - 0.02)], 0.012, frame)
    bridge = gap - 0.088
    canvas.line([(head.x - bridge, head.eye_line), (head.x + bridge, head.eye_line)], 0.012, frame)


def _backdrop(rng: random.Random, colour: Colour, side: int) -> Image.Image:
    """Returns a backdrop that is a little lighter at one end than at the other."""
    shades = Image.linear_gradient("L").resize((side, side))
    if rng.random() < 0.5:
        shades = shades.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    darker, lighter = (Image.new("RGB", (side, side), _shade(colour, factor)) for factor in (0.88, 1.1))
    return Image.composite(darker, lighter, shades)


def draw_face(rng: random.Random, age: float, gender: str, backdrop: str, size: int) -> Image.Image:
    """Draws the face of somebody.

    Args:
        rng: source of chance; the same state gives the same picture.
        age: years.
        gender: one of `GENDERS`.
        backdrop: a key of `BACKDROPS`.
        size: side of the picture, pixels.

    Returns:
        An RGB image, `size` by `size`.
    """
    look = appearance(rng, age, gender)
    skin = _mix(look.skin, (200, 184, 174), 0.38 * look.pallor)
    hair = _mix(_mix(look.hair, _GREY, _ramp(look.greying, 0, 0.6)), _WHITE, _ramp(look.greying, 0.5, 1))
    side = size * _SUPERSAMPLING
    image = _backdrop(rng, _vary(rng, BACKDROPS[backdrop], 14), side)
    canvas = _Canvas(
        image,
        turn=rng.gauss(0, 0.05),
        zoom=rng.uniform(0.92, 1.08),
        shift=(rng.gauss(0, 0.012), rng.gauss(0, 0.012)),
    )
    head = _head(rng, look, gender)
    eye_gap = 0.112 + 0.012 * look.childlike
    _draw_behind_head(canvas, head, look, skin, hair)
    canvas.polygon(head.outline(), skin)
    if look.childlike > 0.2:
        for cheek in (-1, 1):
            blush = _mix(skin, (232, 110, 104), 0.32 * look.childlike)
            canvas.ellipse(head.x + cheek * 0.155, head.eye_line + 0.125, 0.055, 0.042, blush)
    _draw_beard(canvas, head, look, skin, hair)
    _draw_lines(canvas, rng, head, look, skin, eye_gap)
    _draw_eyes(canvas, rng, head, look, skin, hair, eye_gap)
    _draw_nose_and_mouth(canvas, rng, head, look, skin)
    _draw_hair(canvas, head, look, hair)
    if look.glasses:
        _draw_glasses(canvas, head, rng.choice(_LENS_FRAMES), eye_gap)
    image = image.reduce(_SUPERSAMPLING)
    light = rng.uniform(0.82, 1.12)
    image = image.point([min(255, round(level * light)) for level in range(256)] * 3)
    grain = Image.frombytes("RGB", (size, size), rng.randbytes(size * size * 3))
    return Image.blend(image, grain, _NOISE)
