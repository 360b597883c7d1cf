"""/docs: the routes from the OpenAPI description, as a page that asks nobody else for anything."""

import hashlib
from base64 import b64encode
from typing import Any

from fastapi import APIRouter, Request, Response
from jinja2 import Environment

routes = APIRouter()

STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:auto;padding:1em}"
    "code,pre{background:#f2f2f2}pre{padding:1em;overflow:auto}"
)
PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ info.title }} {{ info.version }}: API</title>
<meta name="viewport" content="width=device-width"><style>{{ style | safe }}</style></head><body>
<h1>{{ info.title }} {{ info.version }}: API</h1>
<p>For programs: <a href="/openapi.json">openapi.json</a>. Failures are problems (RFC 9457).</p>
{% for path, methods in paths.items() %}{% for method, said in methods.items() %}
<h2><code>{{ method | upper }} {{ path }}</code></h2><p>{{ said.description }}</p>
{% if said.parameters %}<ul>{% for one in said.parameters %}<li><code>{{ one.name }}</code> ({{ one.in }}\
{{ ", required" if one.required }}) {{ one.description }}</li>{% endfor %}</ul>{% endif %}
{% if said.requestBody %}{% set body = name(said.requestBody) %}<p>Body: <a href="#{{ body }}">{{ body }}</a></p>
{% endif %}
{% endfor %}{% endfor %}
<h2>Types</h2>{% for title, schema in components.schemas.items() %}
<h3 id="{{ title }}">{{ title }}</h3><p>{{ schema.description }}</p>
<pre>{{ schema.properties | default({}) | tojson(indent=1) }}</pre>{% endfor %}
</body></html>""")


@routes.get("/docs", include_in_schema=False)
def docs(request: Request) -> Response:
    """The page."""
    text = PAGE.render(**request.app.openapi(), style=STYLE, name=_name)
    allowed = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; frame-ancestors 'none'; base-uri 'none'"
    return Response(text, media_type="text/html", headers={"Content-Security-Policy": policy})


def _name(body: dict[str, Any]) -> str:
    """The type of a request's body."""
    return str(body["content"]["application/json"]["schema"].get("$ref", "")).rpartition("/")[2]
