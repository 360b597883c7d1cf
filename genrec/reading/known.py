"""The formats that are known by themselves, and the names that people give to columns."""

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
from genrec.reading.times import DATE

SWARM = "Swarm"  # what a person gets from Foursquare: it names no user
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

# Names that people give to the columns, in lower case, without punctuation and the indices of nested lists.
_SYNONYMS = {
    USER: "userid user uid usrid username userindex visitorid personid person entityid",
    POI_ID: "poiid poi venueid venue placeid place locationid locid businessid spotid geoid itemid item location",
    TIME: "time localtime localdatetime timelocal timestamp datetime checkintime checkindatetime visittime visitedat "
    "checkinat createdat",
    UTC: "utctime timeutc utc utcdatetime datetimeutc utctimestamp timestamputc",
    DATE: "date checkindate visitdate localdate datelocal",
    OFFSET: "utcoffset timezoneoffset tzoffset timezone timezoneoffsetminutes utcoffsetminutes",
    LATITUDE: "latitude lat venuelatitude poilatitude poilat venuelat "
    "venuelocationlat venuelocationlatitude locationlat locationlatitude",
    LONGITUDE: "longitude lon lng long venuelongitude poilongitude poilon venuelon venuelng "
    "venuelocationlng venuelocationlon venuelocationlongitude locationlng locationlon locationlongitude",
    CATEGORY: "category categoryname venuecategory venuecategoryname poicategory poicategoryname poicatname catname "
    "placecategory placetype venuetype poitype type kind categories venuecategories poicategories placecategories "
    "spotcategories spotcategory venuecategoriesname categoriesname",
    CATEGORY_ID: "categoryid venuecategoryid poicategoryid poicatid catid venuecategoriesid categoriesid",
    NAME: "name venuename poiname placename locationname",
    REGION: "region city venuecity poicity district neighborhood neighbourhood venuelocationcity locationcity",
}
CANDIDATES = {canonical: frozenset(names.split()) for canonical, names in _SYNONYMS.items()}
# Names that mean something else as often: taken only where no other name fits.
_WEAK = (
    "type kind entityid itemid item location venuelocationlat venuelocationlng venuelocationlatitude venuelocationlon "
    "venuelocationlongitude locationlat locationlng locationlatitude locationlon locationlongitude"
)
WEAK = frozenset(_WEAK.split())
