"""How the data API proposes to show a collection: mosaics and render options.

Those of the tutorial's collection can be taken as they are. Those of the other have what real ones have, too: names of
more than 40 characters, likenesses that only punctuation tells apart, names that an id cannot be cut from blindly.
"""

from typing import Any

COLOR_FORMULA = "color_formula=Gamma RGB 3.2 Saturation 0.8 Sigmoidal RGB 25 0.35"
LOW_CLOUD = {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 10]}


def _in_days(first: str, last: str) -> dict[str, Any]:
    return {"op": "anyinteracts", "args": [{"property": "datetime"}, {"interval": [first, f"{last}T23:59:59Z"]}]}


def _composite(name: str, description: str, *bands: str, **more: Any) -> dict[str, Any]:
    assets = "&".join(f"assets={band}" for band in bands)
    return _option(name, description, f"{assets}&nodata=0&{COLOR_FORMULA}") | more


def _index(name: str, description: str, expression: str, colormap: str) -> dict[str, Any]:
    options = f"nodata=0&expression={expression}&rescale=-1,1&colormap_name={colormap}&asset_as_band=true"
    return _option(name, description, options)


def _option(name: str, description: str, options: str) -> dict[str, Any]:
    return {"name": name, "description": description, "type": "raster-tile", "options": options, "minZoom": 9}


_LOCATION = {"zoom": 9, "coordinates": [63.86, -22.42]}
_CUSTOM_QUERY = {"filter-lang": "cql2-json", "filter": {"op": "and", "args": [LOW_CLOUD]}}

PLAIN: dict[str, Any] = {
    "mosaics": [
        {"name": "Most recent (low cloud)", "description": "", "cql": [LOW_CLOUD]},
        {"name": "Most recent (any cloud cover)", "description": "", "cql": []},
        {
            "name": "Dec \N{EN DASH} Feb, 2024 (low cloud)",
            "description": "",
            "cql": [_in_days("2023-12-01", "2024-02-29"), LOW_CLOUD],
        },
    ],
    "renderOptions": [
        _composite("Natural color", "As the eye sees it: red, green and blue (B04, B03, B02)", "B04", "B03", "B02"),
        _composite(
            "Color infrared (vegetation)",
            "Living vegetation stands out in red (B08, B04, B03)",
            "B08",
            "B04",
            "B03",
        ),
        _composite(
            "Short wave infrared",
            "Snow and water are dark, bare rock is bright (B12, B8A, B04)",
            "B12",
            "B8A",
            "B04",
            conditions=[{"property": "s2:processing_baseline", "value": "05.10"}],
        ),
        _index(
            "Normalized Difference Veg. Index (NDVI)",
            "Density of living vegetation, (B08-B04)/(B08+B04): green is dense",
            "(B08-B04)/(B08+B04)",
            "rdylgn",
        ),
        _index(
            "Moisture Index (NDWI)",
            "Water in leaves, (B8A-B11)/(B8A+B11): blue is moist",
            "(B8A-B11)/(B8A+B11)",
            "rdbu",
        ),
    ],
    "defaultLocation": _LOCATION,
    "defaultCustomQuery": _CUSTOM_QUERY,
}

AWKWARD: dict[str, Any] = {
    "mosaics": [
        {"name": "Most recent", "description": "", "cql": []},
        {
            "name": "February 2024, least cloudy scene of each place",
            "description": "",
            "cql": [_in_days("2024-02-01", "2024-02-29"), LOW_CLOUD],
        },
    ],
    "renderOptions": [
        _composite("Natural color", "As the eye sees it: red, green and blue (B04, B03, B02)", "B04", "B03", "B02"),
        _composite(
            "Snow & ice (B11)", "Snow is bright blue and clouds stay white (B02, B03, B11)", "B02", "B03", "B11"
        ),
        _composite("Snow / ice: B11", "Snow is red and clouds stay white (B11, B8A, B04)", "B11", "B8A", "B04"),
        _composite(
            "Atmospheric penetration, false color (B12, B11, B8A)",
            "Bands that pass through haze and thin smoke (B12, B11, B8A)",
            "B12",
            "B11",
            "B8A",
        ),
    ],
    "defaultLocation": _LOCATION,
    "defaultCustomQuery": _CUSTOM_QUERY,
}
