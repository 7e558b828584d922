"""How hard pictures of displays are to read: all that their photograph may suffer from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Range = tuple[float, float]
"""The least and the greatest; what lies between is drawn evenly."""


@dataclass(frozen=True)
class Hardness:
    """Ranges that a picture's own values are drawn from. Lengths are parts of a digit's height."""

    height: Range
    """A digit's height in pixels."""
    contrast: Range
    """How much darker the segments of liquid crystals are than their ground, as a part of it."""
    glow: Range
    """How bright segments of diodes are: 1 is as bright as their colour gets."""
    faint: Range
    """How much of a lit segment's contrast an unlit one has."""
    blur: Range
    """Standard deviation of the blur, of focus and of motion together."""
    motion: Range
    """The part of the blur's variance that is motion's."""
    turn: Range
    """Degrees, to either side."""
    perspective: Range
    """How much larger one end of the display is than its middle, and the other smaller."""
    margin: Range
    """How much of the frame is seen around the window, on each side."""
    unevenness: Range
    """How much darker the light's far side is than its near side."""
    glares: tuple[int, int]
    """How many reflections there are."""
    glare: Range
    """How much of the way to white a reflection goes at its middle."""
    exposure: Range
    """What all brightness is multiplied with."""
    noise: Range
    """Standard deviation of the sensor's noise, of 255."""
    quality: tuple[int, int]
    """JPEG's quality; 100 and more leaves the picture as it is."""


EASY: Final = Hardness(
    height=(24, 32),
    contrast=(0.7, 0.9),
    glow=(0.85, 1.0),
    faint=(0.0, 0.04),
    blur=(0.01, 0.02),
    motion=(0.0, 0.2),
    turn=(0.0, 1.0),
    perspective=(0.0, 0.01),
    margin=(0.15, 0.3),
    unevenness=(0.0, 0.1),
    glares=(0, 0),
    glare=(0.0, 0.0),
    exposure=(0.95, 1.05),
    noise=(1.0, 3.0),
    quality=(95, 100),
)
"""A scan of a clean display."""

HARD: Final = Hardness(
    height=(18, 36),
    contrast=(0.5, 0.85),
    glow=(0.5, 1.0),
    faint=(0.02, 0.16),
    blur=(0.02, 0.075),
    motion=(0.0, 0.9),
    turn=(0.0, 8.0),
    perspective=(0.0, 0.12),
    margin=(0.1, 0.7),
    unevenness=(0.1, 0.5),
    glares=(0, 3),
    glare=(0.15, 0.42),
    exposure=(0.65, 1.25),
    noise=(3.0, 12.0),
    quality=(30, 80),
)
"""A telephone's photograph of a meter, held by hand in bad light. These values were set before any
model was tried on them, and stay."""
