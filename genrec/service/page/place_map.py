"""Where somebody has been, and the places of the answer, on a map and in a list."""

from dataclasses import dataclass

import polars as pl
from nicegui import ui

from genrec.checkins import Checkins
from genrec.columns import LATITUDE, LONGITUDE, NAME, POI_ID
from genrec.habits import habits_of
from genrec.service.page.lists import name_of
from genrec.service.page.site import Me, Notice, Site, box, entry, named, text
from genrec.service.questions import Answer

PRIVATE = {"home-like", "work-like"}
VISITED, PROBABLE = "#b04a00", "#14508c"
Position = tuple[float, float]


@dataclass(frozen=True)
class Spot:
    """A place on the map: as the answer names it (with its rank), or as one that was visited."""

    label: str
    position: Position
    rank: int | None = None
    visits: int = 0


class MapPanel:
    """The map. Home and work are on it when they are asked for."""

    def __init__(self, site: Site, me: Me, person: str) -> None:
        self._me, self._person = me, person
        self._answer: Answer | None = None
        self._all = ui.checkbox("Show home and work", on_change=lambda: self.show(self._answer))
        self._notice = Notice()
        text("p", "Places of the answer are blue, with their rank; visited ones orange, the larger the more often.")
        self._map = ui.leaflet(
            center=(0.0, 0.0), zoom=2, options={"attributionControl": bool(site.tiles), "zoomSnap": 0.25}
        )
        named(self._map.classes("map"), role="region", aria_label="Map; the list below says the same")
        self._map.layers.clear()  # NiceGUI's tiles would be asked of another machine
        self._site = site
        self._bounds: list[Position] = []
        self._map.on("init", self._begin)
        self._list = box("div", "two even")

    async def show(self, answer: Answer | None) -> None:
        """Show visits, and the places of an answer."""
        self._answer = answer
        spots = await self._notice.attempt(self._spots)
        if spots is not None:
            self._draw(spots)
            self._say(spots)

    def _spots(self) -> list[Spot]:
        service = self._me.service
        frame = service.store.frame(self._me.own(self._person))
        own = Checkins(frame, service.live.catalogue.pois, "the store", [])
        if own.frame.is_empty():
            return self._probable(own.pois, set())
        habits = habits_of(own, self._person)
        hidden = set() if self._all.value else {one.poi for one in habits.anchors if one.kind in PRIVATE}
        names = own.pois[NAME] if NAME in own.pois.columns else own.pois[POI_ID]
        visited = [
            Spot(names[place.poi] or place.poi_id, (place.latitude, place.longitude), None, place.visits)
            for place in habits.places
            if place.poi not in hidden
        ]
        return visited + self._probable(own.pois, hidden)

    def _probable(self, pois: pl.DataFrame, hidden: set[int]) -> list[Spot]:
        places = self._answer.places if self._answer else []
        return [
            Spot(name_of(place), (pois[LATITUDE][place.poi], pois[LONGITUDE][place.poi]), rank)
            for rank, place in enumerate(places, 1)
            if place.poi not in hidden
        ]

    def _draw(self, spots: list[Spot]) -> None:
        plan = self._map
        plan.clear_layers()
        if self._site.tiles:
            plan.tile_layer(url_template=self._site.tiles, options={"maxZoom": 19})
        most = max((spot.visits for spot in spots), default=0) or 1
        for spot in spots:
            if spot.rank is None:
                look = {"radius": 4 + 10 * spot.visits / most, "color": VISITED, "weight": 2, "fillOpacity": 0.3}
                plan.generic_layer(name="circleMarker", args=[spot.position, look])
        for spot in reversed(spots):  # the first on top
            if spot.rank is not None:
                look = {"radius": 11, "color": PROBABLE, "weight": 1, "fillOpacity": 0.95}
                plan.generic_layer(name="circleMarker", args=[spot.position, look])
                number = {"content": f"{spot.rank}", "permanent": True, "direction": "center", "className": "rank"}
                plan.generic_layer(name="tooltip", args=[spot.position, number])
        self._bounds = [spot.position for spot in spots]
        self._fit()

    def _begin(self) -> None:
        self._map.run_method("add_layer", {"type": "control.scale", "args": [{"imperial": False}]}, "scale")
        self._fit()

    def _fit(self) -> None:
        if self._bounds:
            self._map.run_map_method("fitBounds", self._bounds, {"maxZoom": 15, "padding": [20, 20]})

    def _say(self, spots: list[Spot]) -> None:
        self._list.clear()
        with self._list:
            for title, shown in (
                ("Places of the answer", [spot for spot in spots if spot.rank]),
                ("Visited places", [spot for spot in spots if not spot.rank]),
            ):
                with box("section", aria_label=title):
                    text("h2", title)
                    if not shown:
                        text("p", "None.", "quiet")
                    with box("ul", "plain"):
                        for spot in shown:
                            with box("li"), entry(f"{spot.rank}. {spot.label}" if spot.rank else spot.label):
                                text("span", "" if spot.rank else f"{spot.visits} visit{'s' * (spot.visits > 1)}")
