"""The files behind the assets: GeoTIFFs, XML and the pictures of the data API."""

import io
from xml.etree import ElementTree as ET

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from local.planetary_computer.bands import METADATA
from local.planetary_computer.landscape import make_landscape
from local.planetary_computer.rasters import raster, true_color
from local.planetary_computer.scenes import TILE_METRES, TILES, UTM_ZONE_EPSG, Scene

BLOCK = 32  # width and height of a TIFF tile, in pixels
GRAY = 2  # axes of an image without colours
THUMBNAIL_SIZE = 512

# Tags and keys of OGC GeoTIFF 1.1, https://docs.ogc.org/is/19-008r4/19-008r4.html
MODEL_PIXEL_SCALE_TAG = 33_550
MODEL_TIEPOINT_TAG = 33_922
GEO_KEY_DIRECTORY_TAG = 34_735
GDAL_NODATA_TAG = 42_113
GT_MODEL_TYPE, PROJECTED = 1024, 1
GT_RASTER_TYPE, PIXEL_IS_AREA = 1025, 1
PROJECTED_CRS = 3072
TIFF_SHORT, TIFF_DOUBLE, TIFF_ASCII = 3, 12, 2


def asset_file(scene: Scene, key: str) -> bytes:
    """Return the content of a stored asset, always the same for a scene and key."""
    if key in METADATA:
        return _metadata(scene, key)
    return geotiff(scene, raster(scene, key))


def geotiff(scene: Scene, pixels: npt.NDArray[np.generic]) -> bytes:
    """Return pixels of a scene's tile as a Cloud-Optimized GeoTIFF: tiled, compressed, with an overview."""
    tile = TILES[scene.tile]
    scale = TILE_METRES / pixels.shape[0]
    keys = [1, 1, 0, 3, GT_MODEL_TYPE, 0, 1, PROJECTED, GT_RASTER_TYPE, 0, 1, PIXEL_IS_AREA]
    keys += [PROJECTED_CRS, 0, 1, UTM_ZONE_EPSG]
    tiepoint = (0.0, 0.0, 0.0, float(tile.easting), float(tile.northing), 0.0)
    tags = [
        (MODEL_PIXEL_SCALE_TAG, TIFF_DOUBLE, 3, (scale, scale, 0.0), True),
        (MODEL_TIEPOINT_TAG, TIFF_DOUBLE, len(tiepoint), tiepoint, True),
        (GEO_KEY_DIRECTORY_TAG, TIFF_SHORT, len(keys), tuple(keys), True),
        (GDAL_NODATA_TAG, TIFF_ASCII, 2, "0", True),
    ]
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for image, overview in ((pixels, False), (pixels[::2, ::2], True)):
            writer.write(
                image,
                tile=(BLOCK, BLOCK),
                compression="zlib",
                photometric="minisblack" if pixels.ndim == GRAY else "rgb",
                planarconfig=None if pixels.ndim == GRAY else "contig",
                subfiletype=1 if overview else 0,
                metadata=None,
                software=False,
                extratags=[] if overview else tags,
            )
    return buffer.getvalue()


def rendered_preview(scene: Scene) -> bytes:
    """Return the scene in true color as a PNG."""
    return _png(raster(scene, "visual"))


def thumbnail() -> bytes:
    """Return the collection's thumbnail, a PNG."""
    islands = make_landscape("islands", "fair weather", size=THUMBNAIL_SIZE, sea=0.55, cloud=0.06)
    return _png(true_color(islands))


def _png(pixels: npt.NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _metadata(scene: Scene, key: str) -> bytes:
    root = ET.Element("metadata", {"kind": key, "product": scene.product})
    for name, value in (
        ("title", METADATA[key][0]),
        ("platform", scene.platform),
        ("sensing-time", scene.time.isoformat()),
        ("relative-orbit", str(scene.orbit)),
        ("tile", scene.tile),
        ("cloud-cover-percentage", str(scene.cloud_cover)),
    ):
        ET.SubElement(root, name).text = value
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True).encode()
