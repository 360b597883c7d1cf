"""The page that people use, over the same service as the HTTP API.

It is made by NiceGUI, which brings its own scripts: nothing is asked of another machine. What the page does is what the
routes do: it calls the same functions, as whoever has logged in.
"""
