"""How the service does, for who runs it."""

from genrec.service.page.site import Site


def add(site: Site) -> None:
    """The page."""
