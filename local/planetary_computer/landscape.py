"""Invented landscapes: sea, lava, green lowlands and snowy heights under drifting clouds, always the same per seed."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from local.planetary_computer.bands import BANDS

Grid = npt.NDArray[np.float64]

#: Order of `Band.surfaces`.
SEA, LAVA, VEGETATION, SNOW, CLOUD = range(5)
ROUGHNESS = 0.55
CLOUD_ROUGHNESS = 0.68
COARSEST_CELLS = 3
CLOUDED = 0.5  # share of cloud above which a pixel shows nothing else
SHADOW_SHIFT = 0.03  # of the width: the winter sun stands low in the south
RELIEF = 9.0


@dataclass(frozen=True)
class Landscape:
    """A square landscape.

    Attributes:
        shares: Share of each surface in each pixel, 0 to 1; first axis as in `Band.surfaces`.
        light: How brightly the ground is lit, about 1.
    """

    shares: Grid
    light: Grid

    def reflectance(self, band: str) -> Grid:
        """Return the reflectance in a band, 0 to 1."""
        weights = np.array(BANDS[band].surfaces)[:, None, None]
        ground = (self.shares[:CLOUD] * weights[:CLOUD]).sum(axis=0) * self.light
        texture = 0.85 + 0.3 * self.shares[CLOUD]
        lit: Grid = ground + self.shares[CLOUD] * weights[CLOUD] * texture
        return lit.clip(0, 1)

    def surface(self) -> npt.NDArray[np.intp]:
        """Return the surface that prevails in each pixel."""
        return np.where(self.shares[CLOUD] >= CLOUDED, CLOUD, np.argmax(self.shares[:CLOUD], axis=0))


def make_landscape(ground_seed: str, cloud_seed: str, *, size: int, sea: float, cloud: float) -> Landscape:
    """Make a landscape with the sea in the south and clouds above.

    Args:
        ground_seed: The same seed gives the same ground.
        cloud_seed: The same seed gives the same clouds.
        size: Width and height, in pixels.
        sea: Share of the area that is sea, 0 to 1.
        cloud: Share of the area under cloud, 0 to 1.

    Returns:
        The landscape.
    """
    south = np.linspace(0, 1, size)[:, None] * np.ones(size)
    height = fractal_noise(ground_seed, size) - 0.75 * south
    height -= np.quantile(height, sea)
    land = _rise(height, -0.004, 0.012)
    green = land * (1 - _rise(height, 0.05, 0.22)) * _rise(fractal_noise(f"{ground_seed} green", size), 0.4, 0.6)
    snow = land * _rise(height + 0.1 * fractal_noise(f"{ground_seed} snow", size), 0.24, 0.34)
    cloudiness = fractal_noise(cloud_seed, size, roughness=CLOUD_ROUGHNESS)
    edge = float(np.quantile(cloudiness, 1 - cloud))
    cover = _rise(cloudiness, edge - 0.1, edge + 0.1)
    shares = np.stack([1 - land, (land - snow) * (1 - green), (land - snow) * green, snow, cover])
    shares[:CLOUD] *= 1 - cover
    shallows = 0.75 + 0.7 * (1 - land) * _rise(height, -0.25, 0.0) + 0.25 * land
    shadow = _shifted_north(cover, max(1, round(size * SHADOW_SHIFT)))
    return Landscape(shares, _hillshade(height, land) * shallows * (1 - 0.45 * shadow))


def fractal_noise(seed: str, size: int, *, roughness: float = ROUGHNESS) -> Grid:
    """Return smooth noise with detail at every scale, stretched to the range 0 to 1.

    Args:
        seed: The same seed gives the same noise, at any size.
        size: Width and height, in pixels.
        roughness: Strength of each finer scale as a share of the coarser one before it.
    """
    random = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]))
    total: Grid = np.zeros((size, size))
    cells, strength = COARSEST_CELLS, 1.0
    while cells <= size // 2:
        total += strength * _stretch(random.random((cells + 1, cells + 1)), size)
        cells, strength = cells * 2, strength * roughness
    lowest, highest = float(total.min()), float(total.max())
    return (total - lowest) / (highest - lowest)


def _stretch(grid: Grid, size: int) -> Grid:
    position = np.linspace(0, grid.shape[0] - 1, size, endpoint=False)
    cell = position.astype(int)
    part = position - cell
    part = part * part * (3 - 2 * part)
    rows: Grid = grid[cell] * (1 - part[:, None]) + grid[cell + 1] * part[:, None]
    stretched: Grid = rows[:, cell] * (1 - part) + rows[:, cell + 1] * part
    return stretched


def _rise(values: Grid, low: float, high: float) -> Grid:
    part: Grid = ((values - low) / (high - low)).clip(0, 1)
    risen: Grid = part * part * (3 - 2 * part)
    return risen


def _shifted_north(values: Grid, rows: int) -> Grid:
    return np.vstack([values[rows:], np.repeat(values[-1:], rows, axis=0)])


def _hillshade(height: Grid, land: Grid) -> Grid:
    slope_south, slope_east = np.gradient(height * height.shape[0] / RELIEF)
    light: Grid = 1 - land * (0.5 * slope_east - 0.35 * slope_south)
    return light.clip(0.35, 1.4)
