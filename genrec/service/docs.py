"""The OpenAPI description, and /docs: the same as a page that asks nobody else for anything."""

import hashlib
from base64 import b64encode
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment

from genrec.service.problems import Problem

routes = APIRouter()

Schema = dict[str, Any]
REF = "#/components/schemas/"
DEEPEST = 4  # fields within fields that the page shows
LOCAL = (  # a local time between the years that are believed
    r"^((19[7-9]\d|20\d\d|2100)-(02-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(0[1-9]|[12]\d|30)|(0[13578]|1[02])-31)"
    r"|(19(7[26]|8[048]|9[26])|20([02468][048]|[13579][26]))-02-29)"
    r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$"
)
KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null",
         "object": "object"}  # fmt: skip
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:auto;padding:1em}code{background:#f2f2f2}"
    "h2{margin-top:2em}summary{cursor:pointer}"
)
PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
{% macro shown(fields) %}<ul>{% for one in fields %}<li><code>{{ one.name }}</code> ({{ one.kind }}\
{{ ", required" if one.required }}) {{ one.about }}{% if one.inner %}{{ shown(one.inner) }}{% endif %}</li>
{% endfor %}</ul>{% endmacro %}
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ info.title }} {{ info.version }}: API</title>
<meta name="viewport" content="width=device-width"><style>{{ style | safe }}</style></head><body>
<h1>{{ info.title }} {{ info.version }}: API</h1>
<p>For programs: <a href="/openapi.json">openapi.json</a>. Failures are problems (RFC 9457).</p>
{% for path, methods in paths.items() %}{% for method, said in methods.items() %}
<h2><code>{{ method | upper }} {{ path }}</code></h2><p>{{ said.description }}</p>
{% if said.parameters %}<p>In the address and the headers:</p>{{ shown(parameters(said)) }}{% endif %}
{% if said.requestBody %}{% set sent = body(said) %}<p>Body: {{ sent.about }}</p>{{ shown(sent.inner) }}{% endif %}
{% set given = answer(said) %}
{% if given.inner %}<details><summary>Answer</summary><p>{{ given.about }}</p>{{ shown(given.inner) }}</details>
{% endif %}
{% endfor %}{% endfor %}
</body></html>""")


@routes.get("/docs", include_in_schema=False)
def docs(request: Request) -> Response:
    """The page."""
    described = request.app.openapi()
    shown = _Fields(described["components"]["schemas"])
    text = PAGE.render(**described, style=STYLE, parameters=shown.parameters, body=shown.body, answer=shown.answer)
    allowed = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; frame-ancestors 'none'; base-uri 'none'"
    return Response(text, media_type="text/html", headers={"Content-Security-Policy": policy})


def describe(app: FastAPI) -> None:
    """Let the description of an app say what problems look like, and which times are local."""

    def openapi() -> Schema:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, routes=app.routes)
            made["components"]["schemas"]["Problem"] = Problem.model_json_schema(ref_template=REF + "{model}")
            made["components"]["schemas"] |= made["components"]["schemas"]["Problem"].pop("$defs")
            _with_local_times(made)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _with_local_times(node: Any) -> None:
    """Describe times that have no zone as such: JSON Schema's `date-time` has one."""
    if isinstance(node, list):
        for item in node:
            _with_local_times(item)
    elif isinstance(node, dict):
        if node.get("format") == "date-time" and "pattern" not in node:
            del node["format"]
            node["pattern"] = LOCAL
        for item in node.values():
            _with_local_times(item)


class _Fields:
    """What is sent and answered, field by field, without the names of types inside of the program."""

    def __init__(self, schemas: dict[str, Schema]) -> None:
        self._schemas = schemas

    def parameters(self, said: Schema) -> list[Schema]:
        """Of a path, a query, the headers."""
        return [
            self._field(one["name"], one["schema"], one.get("description", ""), required=one.get("required", False))
            for one in said["parameters"]
        ]

    def body(self, said: Schema) -> Schema:
        """Of the body of a request."""
        [content] = said["requestBody"]["content"].values()
        return self._field("", content["schema"])

    def answer(self, said: Schema) -> Schema:
        """Of the answer to a request that succeeds; all of its fields are there."""
        made = next(answer for status, answer in said["responses"].items() if status.startswith("2"))
        return self._field("", made.get("content", {}).get("application/json", {}).get("schema", {}), answered=True)

    def _field(
        self,
        name: str,
        schema: Schema,
        about: str = "",
        *,
        required: bool = False,
        answered: bool = False,
        depth: int = 0,
    ) -> Schema:
        about = about or schema.get("description", "") or self._about(schema)
        inner = self._inner(schema, depth, answered=answered)
        return {"name": name, "kind": self._kind(schema), "required": required, "about": about, "inner": inner}

    def _inner(self, schema: Schema, depth: int, *, answered: bool) -> list[Schema]:
        whole = self._resolved(schema)
        parts = [*whole.get("anyOf", []), *([whole["items"]] if "items" in whole else [])]
        if parts:
            return [field for one in parts for field in self._inner(one, depth, answered=answered)]
        if depth == DEEPEST:
            return []
        needed = [] if answered else whole.get("required", [])
        return [
            self._field(name, one, required=name in needed, answered=answered, depth=depth + 1)
            for name, one in whole.get("properties", {}).items()
        ]

    def _about(self, schema: Schema) -> str:
        """What a type says of itself."""
        whole = self._resolved(schema)
        parts = [*whole.get("anyOf", []), *([whole["items"]] if "items" in whole else [])]
        said = [whole.get("description", ""), *map(self._about, parts)]
        return " ".join(dict.fromkeys(filter(None, said)))

    def _kind(self, schema: Schema) -> str:
        whole = self._resolved(schema)
        if "anyOf" in whole:
            return " or ".join(dict.fromkeys(self._kind(one) for one in whole["anyOf"]))
        options = whole.get("enum", [whole["const"]] if "const" in whole else [])
        if options:
            return " or ".join(f'"{option}"' for option in options)
        if whole.get("pattern") == LOCAL:
            return "local time"
        if "contentMediaType" in whole or "format" in whole:
            return "file" if "contentMediaType" in whole else "time in UTC"
        if whole.get("type") == "array":
            return f"list of {self._kind(whole.get('items', {}))}"
        return KINDS.get(whole.get("type", ""), "anything")

    def _resolved(self, schema: Schema) -> Schema:
        return self._schemas[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema
