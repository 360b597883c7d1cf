"""The formats that are known by themselves, and the names that people give to columns."""

import re
import unicodedata
from collections.abc import Mapping

from genrec.columns import (
    CATEGORY,
    CATEGORY_ID,
    LATITUDE,
    LONGITUDE,
    NAME,
    OFFSET,
    POI_ID,
    REGION,
    TIME,
    USER,
    UTC,
)
from genrec.reading.languages import FOREIGN, FOREIGN_WEAK, ID_WORDS, JOINING
from genrec.reading.times import DATE

# What a person gets from Foursquare or Google: it names no user.
SWARM, TIMELINE = "Swarm", "Google Timeline"
OF_ONE_PERSON = frozenset({SWARM, TIMELINE})
GEOJSON = "GeoJSON"
POINT = {LONGITUDE: "geometry.coordinates.0", LATITUDE: "geometry.coordinates.1"}  # of a feature of GeoJSON
VISIT = {  # of a Google Timeline, in any of its forms
    POI_ID: "visit.placeId",
    TIME: "visit.startTime",
    LATITUDE: "visit.latitude",
    LONGITUDE: "visit.longitude",
    CATEGORY: "visit.semanticType",
    NAME: "visit.name",
}
_NUMBER = r"-?\d+(?:\.\d+)?"
_TWITTER = r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d{2} \d{2}:\d{2}:\d{2} [+-]\d{4} \d{4}"
# Tab-separated files without a header: name, columns, what a line looks like.
HEADERLESS = (
    (
        "Foursquare TSMC2014",
        (USER, POI_ID, CATEGORY_ID, CATEGORY, LATITUDE, LONGITUDE, OFFSET, UTC),
        rf"[^\t]+\t[^\t]+\t[^\t]*\t[^\t]*\t{_NUMBER}\t{_NUMBER}\t-?\d+\t{_TWITTER}",
    ),
    ("Foursquare TIST2015", (USER, POI_ID, UTC, OFFSET), rf"[^\t]+\t[^\t]+\t{_TWITTER}\t-?\d+"),
    (
        "Gowalla (SNAP)",
        (USER, UTC, LATITUDE, LONGITUDE, POI_ID),
        rf"[^\t]+\t\d{{4}}-\d\d-\d\dT[\d:]+Z\t{_NUMBER}\t{_NUMBER}\t[^\t]+",
    ),
    (
        "Foursquare TIST2015 POIs",
        (POI_ID, LATITUDE, LONGITUDE, CATEGORY, REGION),
        rf"[^\t]+\t{_NUMBER}\t{_NUMBER}\t[^\t]*\t[A-Za-z]{{2}}",
    ),
)

# Files with a header whose names would mislead a guess, or make it ambiguous.
HEADERS: tuple[tuple[str, dict[str, str]], ...] = (
    (GEOJSON, POINT),
    (TIMELINE, VISIT),
    (
        "GETNext",
        {USER: "user_id", POI_ID: "POI_id", CATEGORY_ID: "POI_catid", CATEGORY: "POI_catname", LATITUDE: "latitude"}
        | {LONGITUDE: "longitude", OFFSET: "timezone", UTC: "UTC_time", TIME: "local_time"},
    ),
    (
        "LLM4POI / STHGCN",
        {USER: "UserId", POI_ID: "PoiId", CATEGORY_ID: "PoiCategoryId", CATEGORY: "PoiCategoryName"}
        | {LATITUDE: "Latitude", LONGITUDE: "Longitude", TIME: "UTCTimeOffset"},
    ),
    (
        "Massive-STEPS",
        {USER: "user_id", POI_ID: "venue_id", CATEGORY: "venue_category", CATEGORY_ID: "venue_category_id"}
        | {LATITUDE: "latitude", LONGITUDE: "longitude", TIME: "timestamp"},
    ),
    (
        "CLSPRec",  # its Local_Time is UTC
        {USER: "UserId", POI_ID: "VenueId", CATEGORY: "Category", LATITUDE: "Latitude", LONGITUDE: "Longitude"}
        | {UTC: "time_sort", TIME: "Local_Time_True"},
    ),
    (SWARM, {POI_ID: "venue.id", UTC: "createdAt"}),
)

# Names that people give to the columns, as `plain` writes them.
_SYNONYMS = {
    USER: "userid user uid usrid userindex visitorid personid person",
    POI_ID: "poiid poi venueid venue placeid place locationid locid businessid spotid geoid",
    TIME: "time localtime localdatetime timelocal timestamp datetime checkintime checkindatetime visittime visitedat "
    "checkinat createdat",
    UTC: "utctime timeutc utc utcdatetime datetimeutc utctimestamp timestamputc",
    DATE: "date checkindate visitdate localdate datelocal",
    OFFSET: "utcoffset timezoneoffset tzoffset timezone timezoneoffsetminutes utcoffsetminutes",
    LATITUDE: "latitude lat venuelatitude poilatitude poilat venuelat",
    LONGITUDE: "longitude lon lng long venuelongitude poilongitude poilon venuelon venuelng",
    CATEGORY: "category categoryname venuecategory venuecategoryname poicategory poicategoryname poicatname catname "
    "placecategory placetype venuetype poitype categories venuecategories poicategories placecategories "
    "spotcategories spotcategory venuecategoriesname categoriesname",
    CATEGORY_ID: "categoryid venuecategoryid poicategoryid poicatid catid venuecategoriesid categoriesid",
    NAME: "name venuename poiname placename locationname",
    REGION: "region city venuecity poicity district neighborhood neighbourhood venuelocationcity locationcity",
}
# Names that mean something else as often: taken only where no other name fits.
_WEAK = {
    USER: "username entityid",
    POI_ID: "itemid item location",
    LATITUDE: "venuelocationlat venuelocationlatitude locationlat locationlatitude",
    LONGITUDE: "venuelocationlng venuelocationlon venuelocationlongitude locationlng locationlon locationlongitude",
    CATEGORY: "type kind",
}
# Names of what stands for a person, a place or a visit in other trades: taken where there is nothing better.
_TRADES = {
    USER: "deviceid cardid cardnumber guestid memberid customerid clientid riderid bikeid",
    POI_ID: "stationid stopid startstationid startstopid hotelid storeid shopid siteid",
    TIME: "starttime starttimestamp startedat startdate arrivaltime arrival tapin taptime connectiontime when "
    "timestampms timestampmillis epochms",
    LATITUDE: "stationlat stationlatitude stoplat startlat startlatitude startstationlatitude",
    LONGITUDE: "stationlng stationlon stationlongitude stoplng stoplon startlng startlon startlongitude "
    "startstationlongitude",
    CATEGORY: "facilitytype propertytype topcategory",
    NAME: "stationname stopname startstationname hotelname storename shopname",
}


def plain(name: str) -> str:
    """The name of a column in lower case, without accents, punctuation and the indices of nested lists."""
    letters = unicodedata.normalize("NFKD", re.sub(r"\.\d+(?=\.|$)", "", name.lower()))
    return re.sub(r"[\W_]", "", letters)


def loose(name: str) -> str:
    """The same without the words that join others, and with one word for an id: "Id del lugar" as "idlugar"."""
    letters = unicodedata.normalize("NFKD", re.sub(r"^(?:visit|check_?in)\.", "", name.lower()))
    words = re.findall(r"[^\W_]+", "".join(letter for letter in letters if not unicodedata.combining(letter)))
    return plain("".join("id" if word in ID_WORDS else word for word in words if word not in JOINING))


def _plain(canonical: str, *tables: Mapping[str, str]) -> frozenset[str]:
    return frozenset(plain(name) for table in tables for name in table.get(canonical, "").split())


# The names of each column, those that mean it most surely first.
CANDIDATES = {
    canonical: (
        _plain(canonical, _SYNONYMS, FOREIGN),
        _plain(canonical, _WEAK, FOREIGN_WEAK),
        _plain(canonical, _TRADES) | (_plain(POI_ID, FOREIGN_WEAK) if canonical == NAME else frozenset()),
    )
    for canonical in _SYNONYMS
}
