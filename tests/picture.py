"""The picture of the page in the README: `python tests/picture.py` takes it anew, on a synthetic city."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from made_page import app, chromium, looking, person, write_by_templates

from genrec.city import CityConfig, build_city

PICTURE = Path(__file__).parents[1] / "docs" / "page.png"
WHO = "u0001"
WORDS = "I want to see a museum tonight. I avoid gyms. I like Harbour Mall 2."
SIZE = {"width": 1120, "height": 860}


def take(picture: Path) -> None:
    """A person's words, and the ranking with and without them."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        build_city(CityConfig(users=60, pois=300, days=90, seed=7)).write(folder)
        with app(folder / "store.db", folder / "checkins.csv") as site, chromium() as browser:
            site.wait()
            write_by_templates(site, WHO)
            with looking(browser) as page:
                page.set_viewport_size(SIZE)
                person(page, site, WHO)
                page.get_by_label("In your own words").fill(WORDS)
                without = page.get_by_role("heading", name="Without them")
                while not without.is_visible():  # until the model is loaded, it may be asked in vain
                    page.get_by_role("button", name="Show places", disabled=False).click(timeout=60_000)
                    page.get_by_role("button", name="Show places", disabled=False).wait_for(timeout=60_000)
                page.wait_for_timeout(500)
                page.screenshot(path=picture)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if sys.argv[1:] else PICTURE)
