"""The report of a run: what it shows, its tables and charts."""
