"""The HTTP API: people, their check-ins and profiles, rankings with reasons, and what people may ask of their data.

`app.make_app` builds it over a store. Routes are thin: one file a subject; what an application does is in
`genrec.assistant`.
"""
