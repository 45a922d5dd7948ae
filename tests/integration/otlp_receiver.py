"""A receiver of OTLP over HTTP that believes nothing: every field is held against the published
messages, every attribute against the published conventions, every span against its trace.

What is wrong is kept as text; a test asks for `problems` when it is over.
"""

import gzip
import json
import re

import gateway_support as support
from gateway_support import Upstream

# opentelemetry-proto: collector/trace/v1, trace/v1, resource/v1, common/v1. A field is the name of
# a message, a scalar's kind, or a list of one of them; names are those of the JSON encoding.
MESSAGES = {
    "ExportTraceServiceRequest": {"resourceSpans": ["ResourceSpans"]},
    "ResourceSpans": {"resource": "Resource", "scopeSpans": ["ScopeSpans"], "schemaUrl": "string"},
    "Resource": {"attributes": ["KeyValue"], "droppedAttributesCount": "uint32"},
    "ScopeSpans": {"scope": "InstrumentationScope", "spans": ["Span"], "schemaUrl": "string"},
    "InstrumentationScope": {"name": "string", "version": "string", "attributes": ["KeyValue"],
                             "droppedAttributesCount": "uint32"},
    "Span": {"traceId": "id16", "spanId": "id8", "traceState": "string", "parentSpanId": "id8",
             "flags": "uint32", "name": "string", "kind": "SpanKind",
             "startTimeUnixNano": "fixed64", "endTimeUnixNano": "fixed64",
             "attributes": ["KeyValue"], "droppedAttributesCount": "uint32",
             "events": ["Event"], "droppedEventsCount": "uint32",
             "links": ["Link"], "droppedLinksCount": "uint32", "status": "Status"},
    "Event": {"timeUnixNano": "fixed64", "name": "string", "attributes": ["KeyValue"],
              "droppedAttributesCount": "uint32"},
    "Link": {"traceId": "id16", "spanId": "id8", "traceState": "string",
             "attributes": ["KeyValue"], "droppedAttributesCount": "uint32", "flags": "uint32"},
    "Status": {"message": "string", "code": "StatusCode"},
    "KeyValue": {"key": "string", "value": "AnyValue"},
    # One of them.
    "AnyValue": {"stringValue": "string", "boolValue": "bool", "intValue": "int64",
                 "doubleValue": "double", "arrayValue": "ArrayValue",
                 "kvlistValue": "KeyValueList", "bytesValue": "string"},
    "ArrayValue": {"values": ["AnyValue"]},
    "KeyValueList": {"values": ["KeyValue"]},
}
REQUIRED = {
    "ExportTraceServiceRequest": ("resourceSpans",),
    "ResourceSpans": ("resource", "scopeSpans"),
    "ScopeSpans": ("scope", "spans"),
    "InstrumentationScope": ("name",),
    "Span": ("traceId", "spanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"),
    "KeyValue": ("key", "value"),
}
INTERNAL, SERVER, CLIENT = 1, 2, 3
ERROR = 2


def is_number(value, least, most):
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def is_decimal(value, least, most):
    return (isinstance(value, str) and re.fullmatch(r"0|-?[1-9][0-9]*", value) is not None
            and least <= int(value) <= most)


SCALARS = {
    "string": lambda v: isinstance(v, str),
    "bool": lambda v: isinstance(v, bool),
    "double": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "int64": lambda v: is_decimal(v, -2**63, 2**63 - 1),
    "fixed64": lambda v: is_decimal(v, 1, 2**64 - 1),
    "uint32": lambda v: is_number(v, 0, 2**32 - 1),
    "id16": lambda v: re.fullmatch(r"[0-9a-f]{32}", str(v)) is not None and int(v, 16) != 0,
    "id8": lambda v: re.fullmatch(r"[0-9a-f]{16}", str(v)) is not None and int(v, 16) != 0,
    "SpanKind": lambda v: is_number(v, 1, 5),
    "StatusCode": lambda v: is_number(v, 0, 2),
}

# Semantic conventions 1.37: HTTP, generative AI, errors, servers and clients, resources. Those of
# ours are listed in docs/TRACES.md.
ATTRIBUTES = {
    "http.request.method": "stringValue", "http.response.status_code": "intValue",
    "http.route": "stringValue", "http.request.resend_count": "intValue",
    "url.path": "stringValue", "url.scheme": "stringValue", "client.address": "stringValue",
    "server.address": "stringValue", "server.port": "intValue", "error.type": "stringValue",
    "gen_ai.operation.name": "stringValue", "gen_ai.provider.name": "stringValue",
    "gen_ai.request.model": "stringValue", "gen_ai.response.model": "stringValue",
    "gen_ai.response.finish_reasons": "arrayValue",
    "gen_ai.usage.input_tokens": "intValue", "gen_ai.usage.output_tokens": "intValue",
    "gen_ai.usage.cache_read.input_tokens": "intValue",
    "gen_ai.usage.cache_creation.input_tokens": "intValue",
    "sluice.request_id": "stringValue", "sluice.pool": "stringValue", "sluice.key": "stringValue",
    "sluice.tenant": "stringValue", "sluice.cache": "stringValue",
    "sluice.ended_in": "stringValue", "sluice.error.source": "stringValue",
    "sluice.kept_by": "stringValue", "sluice.stream": "boolValue", "sluice.attempts": "intValue",
    "sluice.cost_usd": "doubleValue", "sluice.upstream": "stringValue",
    "sluice.retry.reason": "stringValue", "sluice.connection.reused": "boolValue",
    "sluice.usage.estimated": "boolValue", "sluice.processor.name": "stringValue",
    "sluice.processor.type": "stringValue", "sluice.processor.phase": "stringValue",
    "sluice.processor.verdict": "stringValue",
    "gen_ai.input.messages": "stringValue", "gen_ai.output.messages": "stringValue",
    "sluice.request.body": "stringValue", "sluice.request.body_cut": "boolValue",
    "sluice.response.body": "stringValue", "sluice.response.body_cut": "boolValue",
}
OPERATIONS = {"chat", "text_completion", "embeddings", "models", "count_tokens"}
METHODS = {"GET", "POST", "DELETE", "_OTHER"}
IS_REMOTE_KNOWN, IS_REMOTE, SAMPLED = 0x100, 0x200, 0x01


class Span:
    """A span as it came, easier to ask."""

    def __init__(self, raw):
        self.raw = raw
        self.trace = raw["traceId"]
        self.id = raw["spanId"]
        self.parent = raw.get("parentSpanId", "")
        self.name = raw["name"]
        self.kind = raw["kind"]
        self.began = int(raw["startTimeUnixNano"])
        self.ended = int(raw["endTimeUnixNano"])
        self.is_error = raw.get("status", {}).get("code", 0) == ERROR
        self.attributes = {a["key"]: plain(a["value"]) for a in raw.get("attributes", [])}

    def __repr__(self):
        return f"{self.name} ({self.id} below {self.parent or 'nothing'})"

    def __getitem__(self, key):
        return self.attributes.get(key)


def plain(value):
    (form, content), = value.items()
    if form == "intValue":
        return int(content)
    if form == "arrayValue":
        return [plain(v) for v in content["values"]]
    return content


class Receiver:
    """Listens until close(). `answer` is a script for what comes after a request was taken in;
    `serve` makes the server, of plain sockets or of TLS."""

    def __init__(self, answer=None, serve=Upstream, scheme="http"):
        self.answer = answer or accepts
        self.problems = []
        self.requests = []  # The bodies' texts.
        self.spans = []
        self.resources = []
        self.fields = []
        self.server = serve(script=self._take)
        self.port = self.server.port
        self.endpoint = f"{scheme}://127.0.0.1:{self.port}"

    def _take(self, connection, request):
        try:
            self._read(request)
        except Exception as error:  # pylint: disable=broad-except
            self.problems.append(repr(error))
        return self.answer(connection, request)

    def _read(self, request):
        if request.line != "POST /v1/traces HTTP/1.1":
            self.problems.append(f"asked for {request.line}")
        if request.field("content-type") != "application/json":
            self.problems.append(f"content-type {request.field('content-type')}")
        encoding = request.field("content-encoding")
        if encoding not in (None, "gzip"):
            self.problems.append(f"content-encoding {encoding}")
        text = gzip.decompress(request.body) if encoding == "gzip" else request.body
        body = json.loads(text)
        self.problems += check_message("ExportTraceServiceRequest", body, "request")
        if self.problems:
            return
        spans = []
        for resource in body["resourceSpans"]:
            self.resources.append({a["key"]: plain(a["value"])
                                   for a in resource["resource"]["attributes"]})
            for scope in resource["scopeSpans"]:
                spans += [Span(raw) for raw in scope["spans"]]
        if not spans:
            self.problems.append("a request without spans")
        for trace in {span.trace for span in spans}:
            self.problems += check_trace([span for span in spans if span.trace == trace])
        with self.server.lock:
            self.requests.append(text.decode())
            self.fields.append(dict(request.fields))
            self.spans += spans

    def traces(self):
        """Lists of spans, the exchange's own first, in the order of their arrival."""
        with self.server.lock:
            spans = list(self.spans)
        found = {}
        for span in spans:
            found.setdefault(span.trace, []).append(span)
        return list(found.values())

    def wait_for(self, count, what="traces"):
        """That many traces."""
        support.wait_until(lambda: self.problems or len(self.traces()) >= count, what)
        return self.traces()

    def close(self):
        self.server.close()


def accepts(connection, request):
    return support.json_answer(connection, b"{}")


def check_message(name, value, place):
    """What is wrong with a message, as a list of texts."""
    if not isinstance(value, dict):
        return [f"{place} is no object"]
    problems = [f"{place} has no {field}" for field in REQUIRED.get(name, ()) if field not in value]
    if name == "AnyValue" and len(value) != 1:
        problems.append(f"{place} holds {sorted(value)}, not one value")
    for field, content in value.items():
        kind = MESSAGES[name].get(field)
        here = f"{place}.{field}"
        if kind is None:
            problems.append(f"{here} is no field of {name}")
        elif isinstance(kind, list):
            if not isinstance(content, list):
                problems.append(f"{here} is no list")
                continue
            for index, item in enumerate(content):
                problems += check_message(kind[0], item, f"{here}[{index}]")
            if kind[0] == "KeyValue":
                keys = [item.get("key") for item in content]
                if len(keys) != len(set(keys)):
                    problems.append(f"{here} names a key twice: {sorted(keys)}")
        elif kind in MESSAGES:
            problems += check_message(kind, content, here)
        elif not SCALARS[kind](content):
            problems.append(f"{here} is {content!r}, no {kind}")
    return problems


def check_trace(spans):
    """One exchange: who is whose parent, when, and with which attributes."""
    problems = []
    ids = {span.id: span for span in spans}
    if len(ids) != len(spans):
        problems.append(f"span ids come twice: {spans}")
    servers = [span for span in spans if span.kind == SERVER]
    for span in spans:
        problems += check_span(span)
        if span.ended < span.began:
            problems.append(f"{span} ends before it begins")
        parent = ids.get(span.parent)
        flags = span.raw.get("flags", 0)
        if not flags & IS_REMOTE_KNOWN or flags & ~0x3FF:
            problems.append(f"{span} has flags {flags:#x}")
        if span.kind == SERVER:
            if bool(flags & IS_REMOTE) != bool(span.parent):
                problems.append(f"{span} has flags {flags:#x}")
            continue
        if parent is None:
            problems.append(f"{span} has no parent in its trace")
            continue
        if flags & IS_REMOTE:
            problems.append(f"{span} says that its parent is remote")
        if span.began < parent.began or span.ended > parent.ended:
            problems.append(f"{span} is not within {parent}")
    # Requests with one traceparent are one trace, so there may be several.
    if not servers:
        problems.append(f"no span of the exchange itself: {spans}")
    return problems


def check_span(span):
    problems = []
    for attribute in span.raw.get("attributes", []):
        key, (form,) = attribute["key"], attribute["value"].keys()
        if ATTRIBUTES.get(key) != form:
            problems.append(f"{span}: {key} is a {form}, not a {ATTRIBUTES.get(key)}")
    if not span.name:
        problems.append(f"{span} has no name")
    if "gen_ai.operation.name" in span.attributes:
        if span["gen_ai.operation.name"] not in OPERATIONS:
            problems.append(f"{span}: operation {span['gen_ai.operation.name']}")
    if span.kind == SERVER:
        problems += missing(span, "http.request.method", "url.path", "url.scheme")
        words = [span["http.request.method"], span["http.route"]]
        if span.name != " ".join(w for w in words if w):
            problems.append(f"{span} is not named by method and route")
        if span["http.request.method"] not in METHODS:
            problems.append(f"{span}: method {span['http.request.method']}")
    if span.kind == CLIENT:
        problems += missing(span, "gen_ai.provider.name", "server.address", "server.port")
        words = [span["gen_ai.operation.name"], span["gen_ai.request.model"]]
        if words[0] and span.name != " ".join(w for w in words if w):
            problems.append(f"{span} is not named by operation and model")
    if span.kind in (SERVER, CLIENT) and span.is_error and not span["error.type"]:
        problems.append(f"{span} failed without error.type")
    if span.is_error != bool(span.raw.get("status", {}).get("message")):
        problems.append(f"{span}: status {span.raw.get('status')}")
    return problems


def missing(span, *keys):
    return [f"{span} has no {key}" for key in keys if key not in span.attributes]
