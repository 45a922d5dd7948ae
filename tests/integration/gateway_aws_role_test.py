"""Keys of AWS that a role has: from a container's endpoint and from the instance metadata service.

Both services are played on loopback. What the gateway signs with is told by the signatures that the
mock upstream receives, which are computed anew here.
"""

import contextlib
import json
import os
import re
import sys
import tempfile
import threading
import time
import unittest

import gateway_credentials_test as credentials
import gateway_support as support
import vector_server
from secret_watch import WATCH, WatchedCase

METADATA_TOKEN = "imds-token-0815=="
ROLE = "gateway-role@prod"
AUTHORIZATION = "container-token-4711"
HOUR_S = 3600


class RoleServer(support.Upstream):
    """Hands out keys numbered from 1, as both services do."""

    def __init__(self, port=0):
        self.lifetime_s = HOUR_S
        self.delay_s = 0
        self.failure = None  # The path of what is refused, with its status line.
        self.given = 0
        self.seen = []
        super().__init__(self._answer, port)

    def _answer(self, connection, request):
        method, target, _ = request.line.split(" ")
        with self.lock:
            self.seen.append(f"{method} {target}")
        if self.failure is not None and target.startswith(self.failure[0]):
            time.sleep(self.delay_s)  # A slow service is what is tested.
            return support.json_answer(connection, b"{}", self.failure[1])
        if target == "/latest/api/token":
            assert method == "PUT", request.line
            assert request.field("x-aws-ec2-metadata-token-ttl-seconds") == "21600"
            assert request.field("content-length") == "0"
            return self._say(connection, METADATA_TOKEN)
        assert method == "GET", request.line
        if target.startswith("/latest/"):
            assert request.field("x-aws-ec2-metadata-token") == METADATA_TOKEN
            assert request.field("authorization") is None
            folder = "/latest/meta-data/iam/security-credentials/"
            if target == folder:
                return self._say(connection, ROLE)
            assert target == folder + ROLE, target
        else:
            assert target == "/v2/credentials?id=7", target
            assert request.field("authorization") == AUTHORIZATION
        return self._give(connection)

    @staticmethod
    def _say(connection, text):
        connection.send(f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                        f"Content-Length: {len(text)}\r\n\r\n{text}".encode())
        return True

    def _give(self, connection):
        time.sleep(self.delay_s)  # A slow service is what is tested.
        with self.lock:
            self.given += 1
            number = self.given
        WATCH.register(secret_of(number), f"session-{number}")
        ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime_s))
        return support.json_answer(connection, json.dumps({
            "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key_of(number),
            "SecretAccessKey": secret_of(number), "Token": f"session-{number}",
            "Expiration": ends}).encode())


def key_of(number):
    return f"ASIAROLE{number:04}"


def secret_of(number):
    return f"role-secret/{number}+"


class Roles:
    """What both services have in common; a subclass says which environment leads to it."""

    credentials_path = ""
    questions = []  # For one set of keys.

    def setUp(self):
        self.upstream = vector_server.VectorServer()
        self.upstream.set_reply(vector_server.reply_of(vector_server.load("bedrock/simple")))
        self.roles = RoleServer()
        self.home = tempfile.TemporaryDirectory()
        self.gateway = support.Gateway(
            credentials.config_for("bedrock", f"http://127.0.0.1:{self.upstream.port}",
                                   f'location = "{credentials.REGION}"'),
            {"HOME": self.home.name, "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "",
             "AWS_BEARER_TOKEN_BEDROCK": "", **self.environment()})

    def tearDown(self):
        log = self.gateway.read_log() + self.gateway.read_access()
        self.assertEqual(self.gateway.stop(), 0, log)
        self.upstream.close()
        self.roles.close()
        self.home.cleanup()
        self.assertEqual(self.upstream.errors + self.roles.errors, [])
        for secret in ("role-secret", "session-", METADATA_TOKEN, AUTHORIZATION):
            self.assertNotIn(secret, log)

    def ask(self, path=credentials.CHAT):
        body = json.loads(credentials.body_for(credentials.MODELS[0], False))
        body["max_tokens"] = 50
        with contextlib.closing(self.gateway.client()) as client:
            client.post(path, json.dumps(body).encode(), [("anthropic-version", "2023-06-01")])
            return client.read_response()

    def check_signed_with(self, request, number):
        found = re.fullmatch(
            rf"AWS4-HMAC-SHA256 Credential={key_of(number)}/\d{{8}}/{credentials.REGION}/bedrock/"
            r"aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})",
            request.field("authorization"))
        self.assertIsNotNone(found, request.field("authorization"))
        self.assertEqual(request.field("x-amz-security-token"), f"session-{number}")
        self.assertEqual(found.group(2), credentials.sign_v4(
            request, request.field("x-amz-date"), found.group(1).split(";"), secret_of(number)))

    def ask_at_once(self, count):
        """The statuses of requests that all come while the keys are still being fetched."""
        self.roles.delay_s = 0.5
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(self.ask().status))
                   for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.roles.delay_s = 0
        return statuses

    def test_those_who_wait_share_a_failure(self):
        self.roles.failure = (self.credentials_path, "503 Busy")
        for status in self.ask_at_once(8):
            self.assertIn(status, (401, 502))
        self.assertEqual(self.roles.seen, self.questions)
        self.roles.failure = None
        self.assertEqual(self.ask().status, 200)

    def test_many_requests_share_a_set_of_keys(self):
        self.assertEqual(self.ask_at_once(16), [200] * 16)
        self.assertEqual(self.roles.seen, self.questions)
        for request in self.upstream.requests:
            self.check_signed_with(request, 1)

    def test_keys_about_to_end_are_renewed(self):
        self.roles.lifetime_s = 5
        for number in (1, 2):
            self.assertEqual(self.ask().status, 200)
            self.check_signed_with(self.upstream.requests[-1], number)
        self.roles.lifetime_s = HOUR_S
        self.ask()
        self.ask()
        self.assertEqual(self.roles.given, 3)
        self.check_signed_with(self.upstream.requests[-1], 3)

    def test_keys_that_the_service_does_not_replace_yet_are_used(self):
        self.roles.lifetime_s = 200  # Past the time to renew, but they work.
        for _ in range(3):
            self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.roles.given, 1)

    def test_a_refusal_is_our_failure_and_the_next_request_tries_again(self):
        for status in ("404 Not Found", "500 Internal Server Error"):
            self.roles.failure = (self.credentials_path, status)
            response = self.ask()
            self.assertIn(response.status, (401, 502), response.body)
            self.assertIn("error", json.loads(response.body))
        self.assertEqual(self.upstream.requests, [])
        support.wait_until(lambda: "were refused" in self.gateway.read_log(), "no log line")
        response = self.ask("/v1/messages")
        self.assertEqual(json.loads(response.body)["type"], "error", response.body)
        self.roles.failure = None
        self.assertEqual(self.ask().status, 200)
        self.check_signed_with(self.upstream.requests[-1], 1)

    def test_a_service_that_is_not_there_is_asked_again(self):
        self.roles.close()
        self.assertEqual(self.ask().status, 502)
        self.roles = RoleServer(self.roles.port)
        self.assertEqual(self.ask().status, 200)


class ContainerTest(Roles, WatchedCase):
    credentials_path = "/v2/"
    questions = ["GET /v2/credentials?id=7"]

    def environment(self):
        path = os.path.join(self.home.name, "token")
        with open(path, "w", encoding="ascii") as file:
            file.write(AUTHORIZATION + "\n")
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI":
                f"http://127.0.0.1:{self.roles.port}/v2/credentials?id=7",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path}


class InstanceTest(Roles, WatchedCase):
    credentials_path = "/latest/meta-data/iam/security-credentials/" + ROLE
    questions = ["PUT /latest/api/token", "GET /latest/meta-data/iam/security-credentials/",
                 "GET " + credentials_path]

    def environment(self):
        return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{self.roles.port}/"}


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
