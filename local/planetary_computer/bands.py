"""The assets of a Sentinel-2 Level-2A scene: what they are called and what they hold.

Band names, centre wavelengths and widths (in micrometres) are those of the Sentinel-2 MultiSpectral Instrument:
https://sentiwiki.copernicus.eu/web/s2-mission
"""

from dataclasses import dataclass
from typing import Any

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
XML = "application/xml"


@dataclass(frozen=True)
class Band:
    """One spectral band.

    Attributes:
        name: Name of the band, such as `B02`.
        title: What it is for.
        gsd: Ground sample distance, in metres.
        center: Centre wavelength, in micrometres.
        width: Full width at half maximum, in micrometres.
        common_name: Its name in STAC's list of common bands, where it has one.
        surfaces: Reflectance (0 to 1) of sea, lava, vegetation, snow and cloud in this band.
    """

    name: str
    title: str
    gsd: int
    center: float
    width: float
    common_name: str | None
    surfaces: tuple[float, float, float, float, float]

    def eo_band(self) -> dict[str, Any]:
        """Return its entry in `eo:bands`."""
        entry: dict[str, Any] = {"name": self.name, "description": f"{self.name}, {self.title.lower()}"}
        if self.common_name:
            entry["common_name"] = self.common_name
        return entry | {"center_wavelength": self.center, "full_width_half_max": self.width}


BANDS = {
    band.name: band
    for band in (
        Band("B01", "Coastal aerosol", 60, 0.443, 0.027, "coastal", (0.06, 0.09, 0.04, 0.82, 0.70)),
        Band("B02", "Blue", 10, 0.490, 0.098, "blue", (0.075, 0.10, 0.05, 0.86, 0.70)),
        Band("B03", "Green", 10, 0.560, 0.045, "green", (0.06, 0.12, 0.10, 0.87, 0.70)),
        Band("B04", "Red", 10, 0.665, 0.038, "red", (0.03, 0.14, 0.075, 0.88, 0.71)),
        Band("B05", "Vegetation red edge 1", 20, 0.704, 0.019, "rededge", (0.025, 0.15, 0.14, 0.87, 0.71)),
        Band("B06", "Vegetation red edge 2", 20, 0.740, 0.018, "rededge", (0.02, 0.16, 0.28, 0.86, 0.71)),
        Band("B07", "Vegetation red edge 3", 20, 0.783, 0.028, "rededge", (0.02, 0.17, 0.34, 0.85, 0.71)),
        Band("B08", "Near infrared", 10, 0.842, 0.145, "nir", (0.018, 0.18, 0.36, 0.83, 0.72)),
        Band("B8A", "Vegetation red edge 4", 20, 0.865, 0.033, "rededge", (0.016, 0.18, 0.37, 0.80, 0.72)),
        Band("B09", "Water vapor", 60, 0.945, 0.026, None, (0.012, 0.12, 0.25, 0.62, 0.66)),
        Band("B11", "Short wave infrared 1", 20, 1.610, 0.143, "swir16", (0.008, 0.22, 0.20, 0.10, 0.55)),
        Band("B12", "Short wave infrared 2", 20, 2.190, 0.242, "swir22", (0.006, 0.20, 0.10, 0.07, 0.45)),
    )
}

#: Rasters that are no spectral band: title and ground sample distance in metres.
PRODUCTS = {
    "AOT": ("Aerosol optical thickness (AOT)", 10),
    "SCL": ("Scene classification map (SCL)", 20),
    "WVP": ("Water vapour (WVP)", 10),
    "visual": ("True color image", 10),
}

#: Metadata files: title and path in the product's folder, where {granule} and {datastrip} are its parts.
METADATA = {
    "safe-manifest": ("SAFE manifest", "manifest.safe"),
    "granule-metadata": ("Granule metadata", "GRANULE/{granule}/MTD_TL.xml"),
    "inspire-metadata": ("INSPIRE metadata", "INSPIRE.xml"),
    "product-metadata": ("Product metadata", "MTD_MSIL2A.xml"),
    "datastrip-metadata": ("Datastrip metadata", "DATASTRIP/{datastrip}/MTD_DS.xml"),
}

VISUAL_BANDS = ("B04", "B03", "B02")


def raster_gsd(key: str) -> int:
    """Return the ground sample distance of a raster asset, in metres."""
    return BANDS[key].gsd if key in BANDS else PRODUCTS[key][1]


def asset_definitions() -> dict[str, dict[str, Any]]:
    """Return what is the same on every scene for each of its stored assets: the collection's `item_assets`."""
    definitions: dict[str, dict[str, Any]] = {}
    for key in ("AOT", *sorted(BANDS), "SCL", "WVP", "visual"):
        band = BANDS.get(key)
        gsd = raster_gsd(key)
        title = f"Band {key[1:].lstrip('0')} - {band.title} - {gsd}m" if band else PRODUCTS[key][0]
        definitions[key] = {"type": COG, "roles": ["data"], "title": title, "gsd": float(gsd)}
        if band:
            definitions[key]["eo:bands"] = [band.eo_band()]
    definitions["visual"]["eo:bands"] = [BANDS[name].eo_band() for name in VISUAL_BANDS]
    definitions["preview"] = {"type": COG, "roles": ["thumbnail"], "title": "Thumbnail"}
    for key, (title, _) in METADATA.items():
        definitions[key] = {"type": XML, "roles": ["metadata"], "title": title}
    return definitions
