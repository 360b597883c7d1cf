"""How places are called on somebody's page: by their names, where sentences have their numbers."""

from nicegui import ui

from genrec.columns import POI
from genrec.profiles.named_places import Named, PlaceNames
from genrec.service.page.site import Me, box, named, text


class Names:
    """The names of the places that a person may see; it asks the store when it is made, and when `load` is called."""

    def __init__(self, me: Me, person: str) -> None:
        self._me, self._person = me, person
        self.load()

    def load(self) -> None:
        """Take the catalogue as it is now."""
        me, self._catalogue = self._me, self._me.service.live.catalogue
        own = me.service.store.frame(me.own(self._person))[POI].unique()
        self.places = PlaceNames(self._catalogue.names, set(self._catalogue.hidden(self._person)), set(own))

    def of(self, poi_id: str) -> str:
        """What a place is called, by its id; this id if it has no name."""
        poi = self._catalogue.index.get(poi_id)
        return poi_id if poi is None else self._catalogue.names.names[poi] or poi_id

    def write(self, tag: str, content: str, classes: str = "") -> ui.element:
        """A text with each place by its name, over which its number can be seen."""
        with box(tag, classes) as whole:
            for part in self.places.parts(content):
                if isinstance(part, Named):
                    named(text("span", part.name, "place"), title=part.about)
                elif part:
                    text("span", part)
        return whole
