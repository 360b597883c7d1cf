"""Showing one's key once: it is kept in a cookie that no script reads and no other site sends."""

import hashlib
from base64 import b64encode
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from jinja2 import Environment
from starlette.responses import RedirectResponse

from genrec.service.errors import Refused
from genrec.service.page.site import AT, COOKIE, LOGIN
from genrec.service.security import ServiceOf

routes = APIRouter(include_in_schema=False)

STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:30em;margin:auto;padding:1em;color:#1c1c1c}"
    "input,button{font:inherit;padding:.5em;width:100%;box-sizing:border-box;margin:.3em 0}"
    "button{background:#14508c;color:#fff;border:0}[role=alert]{color:#a30000}:root{color-scheme:light dark}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}[role=alert]{color:#ff9a8f}}"
)
PAGE = Environment(autoescape=True).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>GenRec: log in</title>
<meta name="viewport" content="width=device-width"><style>{{ style | safe }}</style></head><body><main>
<h1>GenRec</h1><form method="post"><label for="key">Your key</label>
<input id="key" name="key" type="password" required autocomplete="current-password">
{% if problem %}<p role="alert">{{ problem }}</p>{% endif %}<button>Log in</button></form>
<p>Keys are made with <code>genrec key add</code>.</p></main></body></html>""")


@routes.get(LOGIN)
def form() -> Response:
    """Where the key is asked for."""
    return _page("", 200)


@routes.post(LOGIN)
def log_in(request: Request, service: ServiceOf, key: Annotated[str, Form(max_length=200)] = "") -> Response:
    """Keep a key that is known."""
    try:
        service.guard.caller(key.strip(), request.client.host if request.client else "")
    except Refused as refused:
        return _page(str(refused), refused.status)
    response = RedirectResponse(f"{AT}/", 303)
    response.set_cookie(COOKIE, key.strip(), httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return response


@routes.post("/logout")
def log_out() -> Response:
    """Forget the key."""
    response = RedirectResponse(LOGIN, 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _page(problem: str, status: int) -> Response:
    allowed = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{allowed}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    text = PAGE.render(style=STYLE, problem=problem)
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "same-origin"}  # without one, forms have no Origin
    return Response(text, status, headers, "text/html")
