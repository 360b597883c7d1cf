"""What a service keeps of people: their check-ins, profiles with history, feedback and settings, and the places.

`opening.open_store` gives a `protocol.Store`: SQLite, or PostgreSQL by its URL. The package is beside `profiles`, not
in it, because profiles are one of the six things that it keeps.
"""
