"""The scenes: when and where each was taken. They are made up, and laid over southern Iceland.

The box -22.455626,63.834083,-22.395201,63.880750 with the dates 2024-02-04/2024-02-11 finds six of them, all with a
preview, since those who follow the tutorial delete that asset from each. What real scenes lack, others here lack too.
"""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

UTM_ZONE_EPSG = 32627
TILE_METRES = 109_800
BASELINE = "05.10"
#: Corners of what an edge cuts off a tile are given as fractions: 0 is the west or north edge, 1 the east or south.
UnitPoint = tuple[float, float]


@dataclass(frozen=True)
class Tile:
    """A tile of the Sentinel-2 grid in UTM zone 27 North.

    Attributes:
        name: Its name in the Military Grid Reference System.
        easting: Easting of its west edge, in metres.
        northing: Northing of its north edge, in metres.
        corners: Longitude and latitude of its north-west, north-east, south-east and south-west corner.
        sea: Share of its area that is sea, 0 to 1.
    """

    name: str
    easting: int
    northing: int
    corners: tuple[tuple[float, float], ...]
    sea: float

    def lonlat(self, point: UnitPoint) -> tuple[float, float]:
        """Return longitude and latitude of a point of the tile, to about ten metres."""
        east, south = point
        north_west, north_east, south_east, south_west = self.corners
        lon, lat = (
            (north_west[axis] * (1 - east) + north_east[axis] * east) * (1 - south)
            + (south_west[axis] * (1 - east) + south_east[axis] * east) * south
            for axis in (0, 1)
        )
        return round(lon, 6), round(lat, 6)


TILES = {
    tile.name: tile
    for tile in (
        Tile(
            "27VVL",
            399_960,
            7_100_040,
            ((-23.046498, 64.012740), (-20.800266, 64.027017), (-20.807040, 63.041611), (-22.977144, 63.027933)),
            sea=0.62,
        ),
        Tile(
            "27VWL",
            499_980,
            7_100_040,
            ((-21.000409, 64.027154), (-18.754429, 64.009798), (-18.830517, 63.025115), (-21.000395, 63.041742)),
            sea=0.40,
        ),
        Tile(
            "27VXL",
            600_000,
            7_100_040,
            ((-18.954319, 64.012751), (-16.713756, 63.963836), (-16.858617, 62.981079), (-19.023646, 63.027944)),
            sea=0.35,
        ),
        Tile(
            "27WVM",
            399_960,
            7_200_000,
            ((-23.114568, 64.909135), (-20.793616, 64.923996), (-20.800894, 63.938713), (-23.040061, 63.924491)),
            sea=0.45,
        ),
    )
}


@dataclass(frozen=True)
class Scene:
    """One scene: a tile seen from one orbit.

    Attributes:
        platform: `Sentinel-2A` or `Sentinel-2B`.
        time: When it was taken.
        orbit: Relative orbit.
        tile: Name of its tile.
        cloud_cover: Share of its whole tile under cloud, in percent.
        has_preview: Whether its preview image was kept; of some scenes it was not.
        product_time: When its product was made, or None for some time after it was taken.
        west_edge: Where the swath begins at the tile's north and south edge, as fractions of its width.
        east_edge: Where the swath ends there.
    """

    platform: str
    time: dt.datetime
    orbit: int
    tile: str
    cloud_cover: float
    has_preview: bool = True
    product_time: dt.datetime | None = None
    west_edge: UnitPoint = (0.0, 0.0)
    east_edge: UnitPoint = (1.0, 1.0)

    @cached_property
    def generated(self) -> dt.datetime:
        """When its product was made."""
        return self.product_time or self.time + dt.timedelta(minutes=47, seconds=13 + self.orbit)

    @property
    def mission(self) -> str:
        """Short name of its platform, as in file names."""
        return self.platform.replace("Sentinel-", "S")

    @property
    def absolute_orbit(self) -> int:
        """Number of the orbit since launch, one for every hundred minutes."""
        return int((self.time - dt.datetime(2015, 6, 23, tzinfo=dt.UTC)) / dt.timedelta(minutes=100.7))

    @property
    def id(self) -> str:
        """Id of its STAC item."""
        return f"{self.mission}_MSIL2A_{_compact(self.time)}_R{self.orbit:03}_T{self.tile}_{_compact(self.generated)}"

    @property
    def product(self) -> str:
        """Name of its product's folder."""
        return (
            f"{self.mission}_MSIL2A_{_compact(self.time)}_N{BASELINE.replace('.', '')}_R{self.orbit:03}"
            f"_T{self.tile}_{_compact(self.generated)}.SAFE"
        )

    @property
    def granule(self) -> str:
        """Name of its granule's folder."""
        return f"L2A_T{self.tile}_A{self.absolute_orbit:06}_{_compact(self.time)}"

    @property
    def datastrip(self) -> str:
        """Name of its datastrip's folder."""
        return f"DS_2BPS_{_compact(self.generated)}_S{_compact(self.time)}"

    @property
    def footprint(self) -> tuple[tuple[float, float], ...]:
        """Longitude and latitude of the corners of its data, counter-clockwise and closed."""
        (west_north, west_south), (east_north, east_south) = self.west_edge, self.east_edge
        corners = ((west_north, 0), (west_south, 1), (east_south, 1), (east_north, 0), (west_north, 0))
        return tuple(TILES[self.tile].lonlat(corner) for corner in corners)


def _compact(time: dt.datetime) -> str:
    return time.strftime("%Y%m%dT%H%M%S")


def _utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


_A, _B = "Sentinel-2A", "Sentinel-2B"

SCENES = (
    # In the box and in the days: six.
    Scene(_B, _utc("2024-02-04T12:53:19.024"), 95, "27VVL", 34.2),
    Scene(_A, _utc("2024-02-05T13:13:01.024"), 138, "27VVL", 88.6),
    Scene(_B, _utc("2024-02-07T13:02:59.024"), 24, "27VVL", 7.9),
    Scene(_A, _utc("2024-02-08T13:22:51.024"), 38, "27VVL", 61.3, east_edge=(0.74, 0.52)),
    Scene(_A, _utc("2024-02-10T13:12:41.024"), 81, "27VVL", 21.7),
    Scene(_B, _utc("2024-02-11T13:32:39.024"), 124, "27VVL", 97.4),
    # In the days, not in the box: its own tile cut off by the swath's edge, and three tiles beside it.
    Scene(_B, _utc("2024-02-09T12:42:49.024"), 52, "27VVL", 45.0, west_edge=(0.52, 0.34)),
    Scene(_A, _utc("2024-02-05T13:13:01.024"), 138, "27VWL", 74.1),
    Scene(_B, _utc("2024-02-07T13:02:59.024"), 24, "27WVM", 12.5, has_preview=False),
    Scene(_A, _utc("2024-02-10T13:12:41.024"), 81, "27VXL", 39.8),
    # In the box, before and after the days.
    Scene(_A, _utc("2024-01-29T13:02:11.024"), 24, "27VVL", 52.4),
    Scene(_B, _utc("2024-02-03T13:23:09.024"), 38, "27VVL", 15.6, has_preview=False),
    Scene(_A, _utc("2024-02-12T13:02:31.024"), 24, "27VVL", 5.2),
    Scene(_B, _utc("2024-03-02T12:53:09.024"), 95, "27VVL", 68.9),
)
