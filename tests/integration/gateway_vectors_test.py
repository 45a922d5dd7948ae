"""Every recorded exchange through the gateway: what its upstream gets, what its client gets.

One gateway before one mock upstream, with an upstream of the configuration for each service. The
client sends what the vector says; the request that arrives and the reply that comes back are
compared by the rules of the vectors.
"""

import json
import math
import os
import re
import sys
import unittest
import urllib.parse

import gateway_support as support
import vector_server
from vector_compare import ChatStream, MessagesStream, difference
from secret_watch import WatchedCase

GROUPS = ("openai", "responses", "anthropic", "anthropic_in", "gemini", "vertex", "azure",
          "bedrock", "ollama", "compat", "hf", "embeddings", "models")
CLIENT_KEY = "sk-of-the-client-0815"
KEY_ENV = "TEST_UPSTREAM_KEY"

# What the URL of a vector contains, the provider, the path of its base URL.
SITES = (
    ("://api.openai.com/", "openai", "/v1"),
    ("://api.anthropic.com/", "anthropic", "/v1"),
    ("://generativelanguage.googleapis.com/", "gemini", "/v1beta"),
    ("-aiplatform.googleapis.com/", "vertex", "/v1"),
    ("://bedrock-runtime.", "bedrock", ""),
    ("://localhost:11434/", "ollama", ""),
    (".openai.azure.com/", "azure", ""),
    (".services.ai.azure.com/", "azure_foundry", ""),
    ("://router.huggingface.co/", "huggingface", "/v1"),
    ("://localhost:3000/", "tgi", "/v1"),
    ("://localhost:8000/", "vllm", "/v1"),
    ("://localhost:8080/", "llama_cpp", "/v1"),
    ("://localhost:30000/", "sglang", "/v1"),
    ("://ollama.com/", "ollama_v1", "/v1"),
    ("://api.mistral.ai/", "mistral", "/v1"),
    ("://api.groq.com/", "groq", "/openai/v1"),
    ("://api.deepseek.com/", "deepseek", ""),
    ("://api.x.ai/", "xai", "/v1"),
    ("://api.together.ai/", "together", "/v1"),
    ("://openrouter.ai/", "openrouter", "/api/v1"),
    ("://api.cerebras.ai/", "cerebras", "/v1"),
    ("://api.perplexity.ai/", "perplexity", ""),
)
# What the services need besides a key; one given for them is a bearer.
MORE = {
    "vertex": 'project = "p-1"\nlocation = "europe-west1"\n'
              'models = { "gemini-3.5-flash" = "gemini-3-flash-preview" }\n',
    "bedrock": 'location = "eu-central-1"\n',
}
FILLED = {"<project>": "p-1", "<location>": "europe-west1", "<region>": "eu-central-1"}
# Only the client's wish or the gateway's own: the reply is the same either way.
OPEN_NOTES = ("upstream body may keep model",)


def site_of(vector):
    """(provider, base path, API version) by which a vector's request goes out."""
    url = vector["upstream_request"]["url"]
    for mark, provider, base in SITES:
        if mark in url:
            version = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query).get("api-version")
            is_dated = provider.startswith("azure")
            return provider, base, version[0] if version and is_dated else ""
    raise ValueError(f"no provider for {url}")


def route_of(site):
    provider, _, version = site
    return "/" + provider + ("-" + version if version else "")


def config_for(port, sites):
    text = '[server]\nhost = "127.0.0.1"\nport = 0\nshards = 1\n'
    for site in sorted(sites):
        provider, base, version = site
        name = route_of(site)[1:]
        text += (f'\n[llm."{name}"]\nprovider = "{provider}"\ntype = "chat"\n'
                 f'base_url = "http://127.0.0.1:{port}{base}"\n{support.ONE_ATTEMPT}')
        text += f'token_env = "{KEY_ENV}"\n' if provider != "ollama" else ""
        text += f'api_version = "{version}"\n' if version else ""
        text += MORE.get(provider, "")
        text += f'\n[[route]]\npath_prefix = "/{name}"\ntarget_llm = "{name}"\n'
    return text


class Vectors(WatchedCase):
    """A test for each group; see the end of the file."""

    @classmethod
    def setUpClass(cls):
        cls.vectors = {group: {name: vector_server.load(name)
                               for name in vector_server.names(group)} for group in GROUPS}
        cls.upstream = vector_server.VectorServer()
        sites = {site_of(v) for group in cls.vectors.values() for v in group.values()}
        cls.gateway = support.Gateway(config_for(cls.upstream.port, sites))

    @classmethod
    def tearDownClass(cls):
        log = cls.gateway.read_log()
        code = cls.gateway.stop()
        cls.upstream.close()
        if code != 0 or cls.upstream.errors:
            raise AssertionError(f"the gateway ended with {code}: {log} {cls.upstream.errors}")

    def run_group(self, group):
        for name, vector in self.vectors[group].items():
            with self.subTest(name):
                for seed in (1, 2):
                    self.exchange(vector, seed)

    def exchange(self, vector, seed):
        self.upstream.set_reply(vector_server.reply_of(vector, seed=seed))
        asked = vector["client_request"]
        fields = [(n, v.replace("<gateway-key>", CLIENT_KEY)) for n, v in asked["headers"].items()]
        if vector.get("stream"):
            fields.append(("accept", "text/event-stream"))
        client = self.gateway.client()
        path = route_of(site_of(vector)) + asked["path"]
        if asked["method"] == "GET":
            head = "".join(f"{name}: {value}\r\n" for name, value in fields)
            client.send(f"GET {path} HTTP/1.1\r\nhost: gateway\r\n{head}\r\n".encode())
        else:
            client.post(path, json.dumps(asked["body"]).encode(), fields)
        response = client.read_response()
        client.close()
        self.assertEqual(len(self.upstream.requests), 1, response.body[:1000])
        self.check_request(vector, self.upstream.requests[0])
        self.check_response(vector, response)
        self.assertNotIn(support.Gateway.KEY.encode(),
                         response.body + str(response.fields).encode())

    # --- What the upstream gets.

    def check_request(self, vector, request):
        expected = vector["upstream_request"]
        method, target, _ = request.line.split(" ")
        self.assertEqual(method, expected["method"])
        self.assertRegex(target, target_pattern(expected["url"]))
        for name, value in expected["headers"].items():
            value = re.sub("<provider-key>|<oauth-token>", support.Gateway.KEY, value)
            if value == "<sigv4 or Bearer>":
                value = "Bearer " + support.Gateway.KEY  # A key was given.
            self.assertEqual(request.field(name), value, name)
        whole = request.raw_head + request.body
        self.assertNotIn(CLIENT_KEY.encode(), whole)
        if expected["body"] is None:
            self.assertEqual(request.body, b"")
            return
        wanted = dict(expected["body"])
        if wanted.get("stream_options") == {"include_usage": False}:
            wanted["stream_options"] = {"include_usage": True}  # It is withheld again.
        found = json.loads(request.body)
        if any(note.startswith(OPEN_NOTES) for note in vector["notes"]):
            found = {k: v for k, v in found.items() if k in wanted}
        self.assertEqual(difference(wanted, found, extras=False), "", "upstream request")

    # --- What the client gets.

    def check_response(self, vector, response):
        expected = vector["client_response"]
        kind = expected["headers"]["content-type"]
        if expected.get("body_equals_upstream"):
            self.assertEqual(response.status, expected["status"])
            self.assertEqual(response.body, vector_server.reply_of(vector).body)
            self.assertTrue(response.complete)
        elif not vector.get("stream") or "body" in expected:
            self.assertEqual(response.status, expected["status"])
            self.check_body(vector, response)
        elif response.status != 200:
            # Nothing had been said yet, so the failure has a status of its own.
            self.assertEqual(response.status, vector["classification"]["status"])
            self.assertEqual(self.error_difference(vector, expected["error_event"],
                                                   json.loads(response.body)), "")
            kind = "application/json"
        else:
            self.check_stream(vector, response)
        self.assertTrue(response.field("content-type").startswith(kind), response.fields)

    def check_body(self, vector, response):
        self.assertTrue(response.complete)
        expected, found = vector["client_response"]["body"], json.loads(response.body)
        if response.status != 200:
            self.assertEqual(self.error_difference(vector, expected, found), "", response.body)
            self.check_retry_after(vector, response)
        else:
            self.assertEqual(difference(expected, found, extras=True), "", "client reply")

    def check_retry_after(self, vector, response):
        seconds = vector.get("classification", {}).get("retry_after_s")
        if seconds:
            self.assertEqual(response.field("retry-after"), str(math.ceil(seconds)))

    @staticmethod
    def error_difference(vector, expected, found):
        if any("message is not compared" in note for note in vector["notes"]):
            expected = {**expected, "error": {**expected["error"], "message": "<any>"}}
        return difference(expected, found, extras=True)

    def check_stream(self, vector, response):
        expected = vector["client_response"]
        is_messages = vector["client_request"]["path"].endswith("/messages")
        stream = (MessagesStream if is_messages else ChatStream)(response.body)
        failure = expected.get("error_event", {}).get("error")
        if is_messages and expected["aggregate"] is None:
            failure = expected["sse_events"][-1]["data"]["error"]
        self.assertEqual(stream.problems, [], response.body.decode())
        if expected["aggregate"] is not None:
            self.assertEqual(difference(expected["aggregate"], stream.aggregate(), extras=True),
                             "", response.body.decode())
        self.assertEqual(stream.is_done, failure is None, response.body.decode())
        # A stream that is relayed ends as its upstream ended it, which said itself that it failed.
        if site_of(vector)[0] != "openai" or failure is None:
            self.assertEqual(response.complete, failure is None)
        if failure is not None:
            said = dict(failure)
            if said.get("code") == "stream_truncated":
                said["message"] = "<any>"
            elif site_of(vector)[0] == "openai":
                said.pop("code", None)  # What the upstream says of itself passes as it came.
            self.assertIsNotNone(stream.error, response.body.decode())
            self.assertEqual(difference(said, stream.error, extras=True), "")


def target_pattern(url):
    """The request's target for a URL, in which "<deployment>" stands for any segment."""
    parts = urllib.parse.urlsplit(url)
    target = parts.path + ("?" + parts.query if parts.query else "")
    for name, value in FILLED.items():
        target = target.replace(name, value)
    return "^" + re.sub("<[a-z]+>", "[^/?]+", re.escape(target)) + "$"


def add_group(group):
    def test(self):
        self.run_group(group)
    setattr(Vectors, "test_" + group, test)


for each in GROUPS:
    add_group(each)

if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
