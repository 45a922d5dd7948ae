"""Keys that are not sent but used: requests signed for AWS, tokens of Google's.

The mock upstream checks each signature by computations of its own: AWS Signature Version 4 with
Python's hmac, a service account's assertion with the openssl command line.
"""

import base64
import calendar
import dataclasses
import hashlib
import hmac
import json
import os
import re
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

import gateway_support as support
from gateway_clock_test import LIBRARY, clock_by, set_clock
from tls_support import openssl
import vector_server
from secret_watch import WATCH, WatchedCase

CHAT = "/v1/chat/completions"
ACCESS_KEY, SECRET_KEY, SESSION_TOKEN = "AKIDEXAMPLE0000", "wJalrXUtnFEMI+bPxRfiCY", "session/9=="
REGION = "eu-central-1"
ACCOUNT = "gateway@project.iam.example"
MODELS = ("amazon.nova-micro-v1:0",
          "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.model-v1:0")


def config_for(provider, base_url, more):
    return (f'[server]\nhost = "127.0.0.1"\nport = 0\nshards = 1\n[llm.up]\n'
            f'provider = "{provider}"\ntype = "chat"\nbase_url = "{base_url}"\n'
            f'{support.ONE_ATTEMPT}{more}\n'
            f'[[route]]\npath_prefix = "/v1"\ntarget_llm = "up"\n')


def body_for(model, stream):
    return json.dumps({"model": model, "stream": stream,
                       "messages": [{"role": "user", "content": "Hi"}]}).encode()


def sign_v4(request, date_time, signed_names, secret=SECRET_KEY):
    """The signature that the request should have."""
    method, target, _ = request.line.split(" ")
    # Paths are encoded once more than they are sent.
    path = urllib.parse.quote(target, safe="/-_.~")
    headers = "".join(f"{name}:{request.field(name).strip()}\n" for name in signed_names)
    digest = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join([method, path, "", headers, ";".join(signed_names), digest])
    scope = f"{date_time[:8]}/{REGION}/bedrock/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date_time, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


class AwsTest(WatchedCase):
    def setUp(self):
        self.upstream = vector_server.VectorServer()
        self.gateway = support.Gateway(
            config_for("bedrock", f"http://127.0.0.1:{self.upstream.port}",
                       f'location = "{REGION}"'),
            {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
             "AWS_SESSION_TOKEN": SESSION_TOKEN})

    def tearDown(self):
        log = self.gateway.read_log() + self.gateway.read_access()
        self.assertEqual(self.gateway.stop(), 0, log)
        self.upstream.close()
        self.assertNotIn(SECRET_KEY, log)
        self.assertNotIn(SESSION_TOKEN, log)

    def test_each_request_carries_a_right_signature(self):
        for model in MODELS:
            for name in ("bedrock/simple", "bedrock/stream"):
                vector = vector_server.load(name)
                self.upstream.set_reply(vector_server.reply_of(vector))
                client = self.gateway.client()
                client.post(CHAT, body_for(model, vector["stream"]),
                            [("authorization", "Bearer sk-of-the-client")])
                response = client.read_response()
                client.close()
                self.assertEqual((response.status, response.complete), (200, True), response.body)
                self.check(self.upstream.requests[0])

    def check(self, request):
        self.assertEqual(request.count("authorization"), 1)
        self.assertNotIn(b"sk-of-the-client", request.raw_head)
        found = re.fullmatch(
            rf"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/(\d{{8}})/{REGION}/bedrock/aws4_request, "
            r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
            request.field("authorization"))
        self.assertIsNotNone(found, request.field("authorization"))
        date_time, signed = request.field("x-amz-date"), found.group(2).split(";")
        self.assertTrue(date_time.startswith(found.group(1)))
        signed_at_s = calendar.timegm(time.strptime(date_time, "%Y%m%dT%H%M%SZ"))
        self.assertLess(abs(time.time() - signed_at_s), 60)
        self.assertLessEqual({"host", "x-amz-date", "x-amz-security-token"}, set(signed))
        self.assertEqual(signed, sorted(signed))
        self.assertEqual(request.field("x-amz-security-token"), SESSION_TOKEN)
        self.assertEqual(found.group(3), sign_v4(request, date_time, signed))


class TokenServer(vector_server.VectorServer):
    """Gives out tokens at /token; elsewhere what it was told to."""

    def __init__(self, check_assertion):
        self.check_assertion = check_assertion
        self.tokens_given = 0
        self.lifetime_s = 3600
        self.refuses = False
        super().__init__()

    def _answer(self, connection, request):
        if not request.line.startswith("POST /token "):
            return super()._answer(connection, request)
        with self.lock:
            self.requests.remove(request)
            self.tokens_given += 1
        form = urllib.parse.parse_qs(request.body.decode())
        assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"], form
        self.check_assertion(form["assertion"][0])
        if self.refuses:
            answer = {"error": "invalid_grant", "error_description": "Account is disabled"}
            return support.json_answer(connection, json.dumps(answer).encode(), "400 Bad Request")
        answer = {"access_token": f"ya29.token-{self.tokens_given}", "token_type": "Bearer",
                  "expires_in": self.lifetime_s}
        return support.json_answer(connection, json.dumps(answer).encode())


class GoogleTest(WatchedCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.upstream = TokenServer(self.check_assertion)
        self.upstream.set_reply(vector_server.reply_of(vector_server.load("vertex/simple")))
        self.token_url = f"http://127.0.0.1:{self.upstream.port}/token"
        key = self.path("key.pem")
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
        openssl("pkey", "-in", key, "-pubout", "-out", self.path("public.pem"))
        with open(key, encoding="ascii") as file:
            self.key = file.read()
        WATCH.register(*[line for line in self.key.splitlines() if "-" not in line])
        with open(self.path("account.json"), "w", encoding="utf-8") as file:
            json.dump({"type": "service_account", "project_id": "p-1", "private_key_id": "k-1",
                       "private_key": self.key, "client_email": ACCOUNT,
                       "token_uri": self.token_url}, file)
        self.set_clock(0)
        self.gateway = support.Gateway(config_for(
            "vertex", f"http://127.0.0.1:{self.upstream.port}/v1",
            f'location = "europe-west1"\ncredentials_file = "{self.path("account.json")}"'),
            clock_by(self.path("clock")))

    def tearDown(self):
        log = self.gateway.read_log() + self.gateway.read_access()
        self.assertEqual(self.gateway.stop(), 0, log)
        self.upstream.close()
        self.folder.cleanup()
        self.assertEqual(self.upstream.errors, [])
        self.assertNotIn("ya29.", log)
        self.assertNotIn(self.key.splitlines()[1], log)

    def set_clock(self, ahead_s):
        self.ahead_s = ahead_s
        set_clock(self.path("clock"), f"+{ahead_s}s")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def check_assertion(self, assertion):
        signed, signature = assertion.rsplit(".", 1)
        for name, content in (("signed", signed.encode()),
                              ("signature", base64.urlsafe_b64decode(signature + "=="))):
            with open(self.path(name), "wb") as file:
                file.write(content)
        openssl("dgst", "-sha256", "-verify", self.path("public.pem"),
                "-signature", self.path("signature"), self.path("signed"))
        header, claims = (json.loads(base64.urlsafe_b64decode(part + "=="))
                          for part in signed.split("."))
        assert header == {"alg": "RS256", "typ": "JWT", "kid": "k-1"}, header
        assert (claims["iss"], claims["aud"]) == (ACCOUNT, self.token_url), claims
        assert abs(claims["iat"] - time.time() - self.ahead_s) < 60, claims
        assert 0 < claims["exp"] - claims["iat"] <= 3600, claims

    def ask(self):
        client = self.gateway.client()
        client.post(CHAT, body_for("gemini-2.5-flash", False))
        response = client.read_response()
        client.close()
        return response

    def test_many_requests_share_a_token(self):
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(self.ask().status))
                   for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses, [200] * 16)
        self.assertEqual(self.upstream.tokens_given, 1)
        for request in self.upstream.requests:
            self.assertEqual(request.field("authorization"), "Bearer ya29.token-1")
            self.assertIn("/projects/p-1/locations/europe-west1/", request.line)

    def test_a_reload_leaves_a_token_as_it_is(self):
        self.assertEqual(self.ask().status, 200)
        with open(self.gateway.config_path, encoding="utf-8") as file:
            text = file.read()
        self.gateway.write_config(text + "[llm.new]\nprovider = \"vllm\"\n")
        self.gateway.signal(1)
        support.wait_until(lambda: self.gateway.metric('reloads_total.*result="ok"') == 1,
                           "it is not reloaded")
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.upstream.tokens_given, 1)

    @unittest.skipUnless(LIBRARY, "libfaketime is not installed")
    def test_a_token_that_the_upstream_refuses_is_renewed(self):
        good = self.upstream.reply
        self.assertEqual(self.ask().status, 200)
        self.upstream.set_reply(dataclasses.replace(good, status=401))
        for _ in range(2):  # It has only just come, so there would hardly be a better one.
            self.assertGreaterEqual(self.ask().status, 400)
        self.assertEqual(self.upstream.tokens_given, 1)
        self.set_clock(120)
        self.upstream.set_reply(good)
        for _ in range(2):
            self.assertEqual(self.ask().status, 200)
            self.assertEqual(self.upstream.requests[-1].field("authorization"),
                             "Bearer ya29.token-2")

    def test_a_token_about_to_end_is_renewed(self):
        self.upstream.lifetime_s = 20  # Less than what is kept in hand.
        for count in (1, 2):
            self.assertEqual(self.ask().status, 200)
            self.assertEqual(self.upstream.tokens_given, count)
        self.upstream.lifetime_s = 3600
        self.ask()
        self.ask()
        self.assertEqual(self.upstream.tokens_given, 3)

    def test_a_refused_token_is_our_failure_not_the_clients(self):
        self.upstream.refuses = True
        response = self.ask()
        self.assertGreaterEqual(response.status, 500, response.body)
        self.assertIn("error", json.loads(response.body))
        self.assertEqual(self.upstream.requests, [])
        support.wait_until(lambda: "Account is disabled" in self.gateway.read_log(), "no log line")
        self.upstream.refuses = False
        self.assertEqual(self.ask().status, 200)


class EntraServer(vector_server.VectorServer):
    """Entra ID, an identity endpoint and the metadata service; elsewhere what it was told to."""

    def __init__(self):
        self.asked = []
        self.lifetime = {"expires_in": 3599}
        super().__init__()

    def _answer(self, connection, request):
        method, target, _ = request.line.split(" ")
        if "token" not in target:
            return super()._answer(connection, request)
        with self.lock:
            self.requests.remove(request)
            self.asked.append((method, target, urllib.parse.parse_qs(request.body.decode()),
                               request.field("metadata"), request.field("x-identity-header")))
        token = f"eyJ.entra-{len(self.asked)}"
        WATCH.register(token)
        answer = {"access_token": token, "token_type": "Bearer", **self.lifetime}
        return support.json_answer(connection, json.dumps(answer).encode())


class EntraTest(WatchedCase):
    SECRET = "entra-secret~1"
    SCOPE = "https://cognitiveservices.azure.com"

    def start(self, environment):
        self.upstream = EntraServer()
        self.addCleanup(self.upstream.close)
        self.upstream.set_reply(vector_server.reply_of(vector_server.load("azure/image-data-url")))
        base = f"http://127.0.0.1:{self.upstream.port}"
        WATCH.register(self.SECRET)
        none = dict.fromkeys(("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
                              "IDENTITY_ENDPOINT", "IDENTITY_HEADER"), "")
        self.gateway = support.Gateway(
            config_for("azure", base, 'auth = "entra"'),
            {**none, "AZURE_OPENAI_API_KEY": "a-key-that-is-none",
             **{name: value.replace("BASE", base) for name, value in environment.items()}})

    def tearDown(self):
        log = self.gateway.read_log() + self.gateway.read_access()
        self.assertEqual(self.gateway.stop(), 0, log)
        self.assertEqual(self.upstream.errors, [])

    def ask(self):
        client = self.gateway.client()
        client.post(CHAT, body_for("gpt-4o-mini", False))
        response = client.read_response()
        client.close()
        self.assertEqual(response.status, 200, response.body)
        request = self.upstream.requests[-1]
        self.assertIsNone(request.field("api-key"))
        self.assertNotIn(b"a-key-that-is-none", request.raw_head)
        return request.field("authorization")

    def test_an_application_has_a_token_until_it_is_old(self):
        self.start({"AZURE_TENANT_ID": "tenant-1", "AZURE_CLIENT_ID": "app-1",
                    "AZURE_CLIENT_SECRET": self.SECRET, "AZURE_AUTHORITY_HOST": "BASE/"})
        self.assertEqual([self.ask(), self.ask()], ["Bearer eyJ.entra-1"] * 2)
        [(method, target, form, *_)] = self.upstream.asked
        self.assertEqual((method, target), ("POST", "/tenant-1/oauth2/v2.0/token"))
        self.assertEqual(form, {"grant_type": ["client_credentials"], "client_id": ["app-1"],
                                "client_secret": [self.SECRET],
                                "scope": [self.SCOPE + "/.default"]})

    def test_a_machine_has_an_identity(self):
        self.start({"AZURE_POD_IDENTITY_AUTHORITY_HOST": "BASE"})
        self.upstream.lifetime = {"expires_on": str(int(time.time()) + 3600)}
        self.assertEqual([self.ask(), self.ask()], ["Bearer eyJ.entra-1"] * 2)
        [(method, target, _, metadata, _)] = self.upstream.asked
        self.assertEqual((method, metadata), ("GET", "true"))
        path, query = target.split("?")
        self.assertEqual(path, "/metadata/identity/oauth2/token")
        self.assertEqual(urllib.parse.parse_qs(query),
                         {"api-version": ["2018-02-01"], "resource": [self.SCOPE]})

    def test_a_service_has_an_endpoint_and_a_token_that_ends_is_renewed(self):
        self.start({"IDENTITY_ENDPOINT": "BASE/msi/token", "IDENTITY_HEADER": self.SECRET,
                    "AZURE_CLIENT_ID": "id-1"})
        self.upstream.lifetime = {"expires_on": str(int(time.time()) + 20)}  # Old at once.
        self.assertEqual([self.ask(), self.ask()], ["Bearer eyJ.entra-1", "Bearer eyJ.entra-2"])
        method, target, _, _, header = self.upstream.asked[0]
        self.assertEqual((method, header), ("GET", self.SECRET))
        path, query = target.split("?")
        self.assertEqual(path, "/msi/token")
        self.assertEqual(urllib.parse.parse_qs(query),
                         {"api-version": ["2019-08-01"], "resource": [self.SCOPE],
                          "client_id": ["id-1"]})


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
