"""Updates of trained rankers and adapters on what came since: `genrec-train update`."""
