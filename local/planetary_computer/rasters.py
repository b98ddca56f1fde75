"""The pixels of a scene's assets."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from local.planetary_computer.bands import BANDS, VISUAL_BANDS, raster_gsd
from local.planetary_computer.landscape import CLOUD, LAVA, SEA, SNOW, VEGETATION, Landscape, make_landscape
from local.planetary_computer.scenes import SCENES, TILES, Scene

#: Width and height in pixels by ground sample distance in metres: small, and in the order of the real ones.
SIZES = {10: 128, 20: 64, 60: 32}
PREVIEW_SIZE = 64

# Level-2A since baseline 04.00: digital number = reflectance x 10000 + 1000, and 0 where there are no data.
QUANTIFICATION = 10_000
OFFSET = 1_000
#: Classes of the scene classification map.
SCL_CLASSES = {SEA: 6, LAVA: 5, VEGETATION: 4, SNOW: 11, CLOUD: 9}
BRIGHTEST = 0.75
GAMMA = 2.2


@lru_cache(maxsize=2 * len(SCENES) * len(SIZES))
def scene_landscape(scene: Scene, size: int) -> Landscape:
    """Return what a scene shows, drawn at a size in pixels."""
    sea = TILES[scene.tile].sea
    return make_landscape(scene.tile, scene.id, size=size, sea=sea, cloud=scene.cloud_cover / 100)


def raster(scene: Scene, key: str) -> npt.NDArray[np.generic]:
    """Return the pixels of a raster asset: rows and columns, and for pictures a third axis of colours.

    Args:
        scene: The scene.
        key: Key of the asset, such as `B04`, `SCL` or `preview`.

    Returns:
        Digital numbers of 16 bits, classes of 8 bits, or red, green and blue of 8 bits each.
    """
    if key == "preview":
        return _true_color(scene, PREVIEW_SIZE)
    size = SIZES[raster_gsd(key)]
    if key == "visual":
        return _true_color(scene, size)
    data = data_mask(scene, size)
    if key == "SCL":
        classes = np.array([SCL_CLASSES[surface] for surface in range(len(SCL_CLASSES))], np.uint8)
        return np.where(data, classes[scene_landscape(scene, size).surface()], 0).astype(np.uint8)
    if key in BANDS:
        numbers = scene_landscape(scene, size).reflectance(key) * QUANTIFICATION + OFFSET
    else:
        # Aerosol (AOT, in thousandths) and water vapour (WVP, in tenths of a millimetre) are thicker under clouds.
        numbers = 80 + 160 * scene_landscape(scene, size).shares[CLOUD]
    return np.where(data, np.round(numbers), 0).astype(np.uint16)


def data_mask(scene: Scene, size: int) -> npt.NDArray[np.bool_]:
    """Return which pixels lie within the scene's swath."""
    middle = (np.arange(size) + 0.5) / size
    east, south = middle[None, :], middle[:, None]
    (west_north, west_south), (east_north, east_south) = scene.west_edge, scene.east_edge
    inside: npt.NDArray[np.bool_] = (east >= west_north + (west_south - west_north) * south) & (
        east <= east_north + (east_south - east_north) * south
    )
    return inside


def surface_percentages(scene: Scene) -> dict[int, float]:
    """Return the percentage of each surface among the scene's pixels that have data, and of those that have none.

    Returns:
        Percentages by surface; those without data are under -1, as a share of the whole tile.
    """
    size = SIZES[20]
    data = data_mask(scene, size)
    surfaces = scene_landscape(scene, size).surface()[data]
    shares = {surface: round(float(100 * np.mean(surfaces == surface)), 6) for surface in SCL_CLASSES}
    return shares | {-1: round(float(100 * (1 - data.mean())), 6)}


def true_color(landscape: Landscape) -> npt.NDArray[np.uint8]:
    """Return a landscape as the eye would see it: red, green and blue, brightened for screens."""
    color = np.stack([landscape.reflectance(band) for band in VISUAL_BANDS], axis=-1)
    screen = np.clip(color / BRIGHTEST, 0, 1) ** (1 / GAMMA)
    contrast = np.clip((screen - 0.5) * 1.12 + 0.5, 1 / 255, 1)
    return np.round(contrast * 255).astype(np.uint8)


def _true_color(scene: Scene, size: int) -> npt.NDArray[np.uint8]:
    return true_color(scene_landscape(scene, size)) * data_mask(scene, size)[:, :, None]
