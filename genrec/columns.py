"""The canonical column names, each named once."""

USER = "user_id"
POI_ID = "poi_id"  # the POI's id in the user's data, a string
POI = "poi"  # its dense integer index: the id that the LLM sees
TIME = "time"  # local wall clock of the visit
UTC = "utc_time"
OFFSET = "utc_offset"  # minutes that local time is ahead of UTC; read, then folded into the two times
CATEGORY = "category"
CATEGORY_ID = "category_id"
LATITUDE = "latitude"
LONGITUDE = "longitude"
NAME = "name"
REGION = "region"
FIRST_SEEN = "first_seen"  # local time of the first check-in at a POI

MIN_YEAR, MAX_YEAR = 1970, 2100  # of times that are believed

UNKNOWN = "unknown"  # the category of a place whose kind is not known
