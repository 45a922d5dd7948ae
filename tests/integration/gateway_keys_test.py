"""Keys and limits over the real binary with two shards: who is refused in which words, what an
upstream never sees, what a reload changes, and that no limit lets one more through than it says."""

import contextlib
import hashlib
import json
import os
import signal
import sys
import threading
import time
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, Gateway, Upstream, chunk, config_for, event
from secret_watch import WatchedCase

ADA = "sk-ada-0123456789-0123456789"
BOB = "sk-bob-0123456789-0123456789"
OLD = "sk-old-0123456789-0123456789"
BODY = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
ANSWER = (b'{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":'
          b'"assistant","content":"Hello"},"finish_reason":"stop"}],'
          b'"usage":{"prompt_tokens":5,"completion_tokens":15,"total_tokens":20}}')
AUTH = '[processor.auth]\ntype = "authenticate"\n'


def digest(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


def key(name, secret, more=""):
    return f'[key.{name}]\nsha256 = "{digest(secret)}"\n{more}\n'


def limits(more, name="limits"):
    return f'[processor.{name}]\ntype = "rate_limit"\n{more}\n'


def bearer(secret):
    return [("Authorization", f"Bearer {secret}")]


class KeysCase(WatchedCase):
    def setUp(self):
        self.gateway = None
        self.upstream = Upstream(lambda c, _: support.json_answer(c, ANSWER))

    def config(self, processors, more, **settings):
        text = config_for(self.upstream.port, more=more,
                          route=f"processors = {json.dumps(processors)}", **settings)
        return text.replace("shards = 1", "shards = 2")

    def start(self, processors, more, **settings):
        self.gateway = Gateway(self.config(processors, more, **settings))
        return self.gateway

    def tearDown(self):
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])
        if self.gateway:
            log = self.gateway.read_log()
            self.assertEqual(self.gateway.stop(), 0, log)
            self.assertNotIn("assertion", log)

    def ask(self, secret=None, body=BODY, path=CHAT, fields=(), client=None):
        asking = client or self.gateway.client()
        asking.post(path, body, [*fields, *(bearer(secret) if secret else [])])
        response = asking.read_response()
        if client is None:
            asking.close()
        return response

    def get(self, path, fields=()):
        client = self.gateway.client()
        lines = "".join(f"{n}: {v}\r\n" for n, v in fields)
        client.send(f"GET {path} HTTP/1.1\r\nHost: g\r\n{lines}\r\n".encode())
        response = client.read_response()
        client.close()
        return response

    def reload(self):
        before = self.gateway.metric("sluice_config_reloads_total")
        self.gateway.signal(signal.SIGHUP)
        support.wait_until(
            lambda: self.gateway.metric("sluice_config_reloads_total") > before, "no reload")

    def error_of(self, response):
        return json.loads(response.body)["error"]

    # --- Keys.

    def test_refusals_in_both_dialects(self):
        more = (AUTH + key("ada", ADA, 'models = ["m", "gpt-*"]') +
                key("bob", BOB, 'routes = ["/elsewhere"]') +
                key("old", OLD, 'expires_at = "2020-01-01T00:00:00Z"'))
        self.start(["auth"], more)
        self.assertEqual(self.ask(ADA).status, 200)
        cases = ((None, BODY, 401, "invalid_api_key", "authentication_error"),
                 ("sk-wrong", BODY, 401, "invalid_api_key", "authentication_error"),
                 (OLD, BODY, 401, "invalid_api_key", "authentication_error"),
                 (BOB, BODY, 403, "route_not_allowed", "permission_error"),
                 (ADA, BODY.replace(b'"m"', b'"o3"'), 403, "model_not_allowed",
                  "permission_error"))
        for secret, body, status, code, anthropic in cases:
            response = self.ask(secret, body)
            self.assertEqual(response.status, status)
            error = self.error_of(response)
            self.assertEqual(set(error), {"message", "type", "param", "code"})
            self.assertEqual(error["code"], code)
            self.assertEqual(response.field("www-authenticate"),
                             "Bearer" if status == 401 else None)
            fields = [("x-api-key", secret)] if secret else []
            response = self.ask(None, body.replace(b'{', b'{"max_tokens":9,', 1), "/v1/messages",
                                [*fields, ("anthropic-version", "2023-06-01")])
            self.assertEqual(response.status, status)
            answer = json.loads(response.body)
            self.assertEqual(answer["type"], "error")
            self.assertEqual(answer["error"]["type"], anthropic)
            self.assertTrue(answer["error"]["message"])
            self.assertEqual(answer["request_id"], response.field("request-id"))
        self.assertEqual(len(self.upstream.requests), 1)
        self.assertEqual(self.gateway.metric(r'sluice_key_refusals_total.*"expired"'), 2)
        self.assertEqual(self.gateway.metric(r'sluice_key_refusals_total.*"missing"'), 2)

    def test_the_key_never_reaches_the_upstream(self):
        self.start(["auth"], AUTH + 'header = "x-team-key"\n' + key("ada", ADA))
        for field in ("Authorization", "x-api-key", "api-key", "x-goog-api-key", "X-Team-Key"):
            value = f"Bearer {ADA}" if field == "Authorization" else ADA
            self.assertEqual(self.ask(fields=[(field, value)]).status, 200, field)
        self.assertEqual(len(self.upstream.requests), 5)
        for request in self.upstream.requests:
            self.assertNotIn(ADA.encode(), request.raw_head + request.body)
            self.assertEqual(request.field("authorization"), "Bearer " + Gateway.KEY)

    def test_a_wrong_key_is_refused_before_the_body_is_sent(self):
        self.start(["auth"], AUTH + key("ada", ADA))
        client = self.gateway.client()
        client.send(f"POST {CHAT} HTTP/1.1\r\nHost: g\r\nContent-Length: 8000000\r\n"
                    "Authorization: Bearer sk-wrong\r\n\r\n".encode())
        response = client.read_response()
        self.assertEqual(response.status, 401)
        client.close()

    def test_a_large_body_flows_only_when_its_model_is_known_to_be_allowed(self):
        more = AUTH + key("ada", ADA, 'models = ["m"]') + key("bob", BOB)
        self.start(["auth"], more, server="http.request_hold_bytes_max = 4096")
        text = b"x" * 100_000
        for model, secret, status in ((b"m", ADA, 200), (b"o3", ADA, 403), (b"o3", BOB, 200)):
            body = (b'{"messages":[{"role":"user","content":"' + text + b'"}],"model":"' + model +
                    b'"}')
            self.assertEqual(self.ask(secret, body).status, status)
        self.assertEqual(len(self.upstream.requests), 2)

    def test_reloads_revoke_and_a_bad_file_changes_nothing(self):
        self.start(["auth"], AUTH + key("ada", ADA))
        path = os.path.join(self.gateway.folder.name, "keys.json")

        def write(keys, mode=0o600):
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"version": 1, "keys": keys}, file)
            os.chmod(path, mode)

        entry = {"id": "key_0aZ9bY8cX7dW6eV5", "name": "bob", "sha256": digest(BOB)}
        write([entry])
        self.assertEqual(self.ask(BOB).status, 401)
        self.gateway.write_config(
            self.config(["auth"], AUTH + key("ada", ADA) + f'[keys]\nfile = "{path}"\n'))
        self.reload()
        self.assertEqual([self.ask(s).status for s in (ADA, BOB)], [200, 200])
        # An exchange that is going on keeps the key that it began with.
        client = self.gateway.client()
        client.send(f"POST {CHAT} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {BOB}\r\n"
                    f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY[:10])
        support.wait_until(lambda: self.gateway.metric("sluice_exchanges") >= 1, "not begun")
        write([{**entry, "revoked_at": "2026-01-01T00:00:00Z"}])
        self.reload()
        client.send(BODY[10:])
        self.assertEqual(client.read_response().status, 200)
        client.close()
        self.assertEqual([self.ask(s).status for s in (ADA, BOB)], [200, 401])
        write([entry], 0o644)
        self.reload()
        self.assertEqual([self.ask(s).status for s in (ADA, BOB)], [200, 401])
        self.assertIn("make it 0600", self.gateway.read_log())
        with self.assertRaisesRegex(RuntimeError, "make it 0600"):
            Gateway(self.config(["auth"], AUTH + f'[keys]\nfile = "{path}"\n'))

    def test_lists_only_the_models_of_the_key(self):
        more = AUTH + key("ada", ADA, 'models = ["gpt-*"]') + key("bob", BOB)
        models = b'{"object":"list","data":[{"id":"gpt-1"},{"id":"o3"}]}'
        self.upstream.script = lambda c, _: support.json_answer(c, models)
        self.start(["auth"], more)
        self.assertEqual(self.get("/v1/models").status, 401)
        self.assertEqual(self.get("/v1/models", bearer("sk-wrong")).status, 401)

        def listed(secret):
            answer = json.loads(self.get("/v1/models", bearer(secret)).body)
            return [model["id"] for model in answer["data"]]

        self.assertEqual(listed(ADA), ["gpt-1"])
        self.assertEqual(listed(BOB), ["gpt-1", "o3"])

    def test_says_in_the_access_log_whose_request_it_was(self):
        more = AUTH + '[tenant.team]\n' + key("ada", ADA, 'tenant = "team"')
        for form in ("json", "human"):
            self.start(["auth"], more, server=f'access_log.format = "{form}"')
            self.assertEqual(self.ask(ADA).status, 200)
            parts = (('"key":"ada"', '"tenant":"team"') if form == "json"
                     else (" key=ada", " tenant=team"))
            support.wait_until(lambda: all(p in self.gateway.read_access() for p in parts),
                               "the line lacks them")
            self.assertNotIn(ADA, self.gateway.read_access() + self.gateway.read_log())
            self.assertEqual(self.gateway.stop(), 0)
        self.gateway = None

    # --- Limits.

    def offer(self, clients, seconds, secret=ADA):
        """Keep-alive clients that ask as fast as they can; the answers, in the order they came."""
        answers = []
        ends = time.monotonic() + seconds

        def run():
            with contextlib.closing(self.gateway.client()) as client:
                while time.monotonic() < ends:
                    response = self.ask(secret, client=client)
                    answers.append(response)
        threads = [threading.Thread(target=run) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    def test_not_one_request_more_than_the_limit(self):
        more = AUTH + limits("") + key("ada", ADA, "limits.requests_per_minute = 60\n"
                                       "limits.requests_burst = 20")
        self.start(["auth", "limits"], more)
        began = time.monotonic()
        answers = self.offer(40, 3.0)
        took = time.monotonic() - began
        admitted = sum(1 for a in answers if a.status == 200)
        print(f"{len(answers)} requests offered, {admitted} admitted in {took:.2f} s")
        self.assertGreater(len(answers), 10 * admitted)
        self.assertLessEqual(admitted, 20 + took * 60 / 60)
        self.assertGreaterEqual(admitted, 20 + 2, "what the limit allows is given")
        self.assertEqual(len(self.upstream.requests), admitted)
        self.assertEqual({a.status for a in answers}, {200, 429})
        refused = sum(1 for a in answers if a.status == 429)
        self.assertEqual(self.gateway.metric(
            r'sluice_limit_refusals_total.*"key".*"requests_per_minute"'), refused)

    def test_every_limit_names_itself_and_when_to_come_back(self):
        more = AUTH + limits("") + key("ada", ADA, "limits.requests_per_minute = 30\n"
                                       "limits.requests_burst = 1")
        self.start(["auth", "limits"], more)
        good = self.ask(ADA)
        self.assertEqual(good.status, 200)
        self.assertEqual(good.field("x-ratelimit-limit-requests"), "30")
        self.assertEqual(good.field("x-ratelimit-remaining-requests"), "0")
        self.assertRegex(good.field("x-ratelimit-reset-requests"), r"^(\d+ms|[\d.]+s)$")
        refused = self.ask(ADA)
        self.assertEqual(refused.status, 429)
        error = self.error_of(refused)
        self.assertEqual(error["code"], "rate_limit_exceeded")
        self.assertIn("key 'ada' on requests_per_minute", error["message"])
        self.assertEqual(refused.field("x-ratelimit-remaining-requests"), "0")
        wait_s = int(refused.field("retry-after"))
        self.assertIn(wait_s, (1, 2))
        exact = refused.field("retry-after-ms")
        time.sleep(int(exact) / 1000 if exact else wait_s)  # So long and no longer, it says.
        self.assertEqual(self.ask(ADA).status, 200)
        response = self.ask(None, BODY.replace(b'{', b'{"max_tokens":9,', 1), "/v1/messages",
                            [("x-api-key", ADA)])
        self.assertEqual(response.status, 429)
        self.assertEqual(json.loads(response.body)["error"]["type"], "rate_limit_error")

    def test_concurrency_is_never_exceeded_and_always_given_back(self):
        busy, most, lock = [0], [0], threading.Lock()

        def script(connection, _):
            with lock:
                busy[0] += 1
                most[0] = max(most[0], busy[0])
            time.sleep(0.02)  # Or no two of them would ever meet.
            with lock:
                busy[0] -= 1
            return support.json_answer(connection, ANSWER)

        self.upstream.script = script
        more = AUTH + limits("") + key("ada", ADA, "limits.concurrency_max = 3")
        self.start(["auth", "limits"], more)
        answers = self.offer(40, 2.0)
        self.assertEqual({a.status for a in answers}, {200, 429})
        self.assertLessEqual(most[0], 3)
        self.assertEqual(most[0], 3)
        # Clients that leave in the middle hold nothing.
        for _ in range(6):
            client = self.gateway.client()
            client.post(CHAT, BODY, bearer(ADA))
            client.reset()
        support.wait_until(lambda: self.gateway.metric("sluice_exchanges") == 0, "still busy")
        held = [self.gateway.client() for _ in range(3)]
        for client in held:
            client.post(CHAT, BODY, bearer(ADA))
        self.assertEqual([c.read_response().status for c in held], [200] * 3)
        for client in held:
            client.close()

    def test_waits_for_room_and_notices_who_leaves(self):
        release = threading.Event()
        self.upstream.script = lambda c, _: (release.wait(support.PATIENCE_S),
                                             support.json_answer(c, ANSWER))[1]
        more = AUTH + key("ada", ADA) + limits(
            'concurrency_max = 1\nper = "key"\non_limit = "wait"\nwait_max_ms = 10000')
        self.start(["auth", "limits"], more)
        first, second, third = (self.gateway.client() for _ in range(3))
        first.post(CHAT, BODY, bearer(ADA))
        support.wait_until(lambda: len(self.upstream.requests) == 1, "the first did not begin")
        second.post(CHAT, BODY, bearer(ADA))
        third.post(CHAT, BODY, bearer(ADA))
        support.wait_until(lambda: self.gateway.metric("sluice_exchanges") >= 3, "not waiting")
        third.reset()
        support.wait_until(lambda: self.gateway.metric(r'sluice_cancels_total') == 1, "unnoticed")
        self.assertEqual(len(self.upstream.requests), 1)
        release.set()
        self.assertEqual(first.read_response().status, 200)
        self.assertEqual(second.read_response().status, 200)
        self.assertEqual(len(self.upstream.requests), 2)
        first.close()
        second.close()

    def test_tokens_are_settled_by_what_was_used(self):
        more = AUTH + limits("") + key("ada", ADA, "limits.tokens_per_day = 1000")
        self.start(["auth", "limits"], more)
        body = BODY.replace(b'{', b'{"max_tokens":600,', 1)
        for used in (0, 20, 40):
            response = self.ask(ADA, body)
            self.assertEqual(response.status, 200)
            remaining = int(response.field("x-ratelimit-remaining-tokens"))
            self.assertLess(remaining, 1000 - used - 600)
            self.assertGreater(remaining, 1000 - used - 700)
        stream = (STREAM_HEAD + chunk(event(b'{"choices":[{"delta":{"content":"a"}}]}')) +
                  chunk(event(b'{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":395,'
                              b'"total_tokens":400}}')) + chunk(DONE) + b"0\r\n\r\n")
        self.upstream.script = lambda c, _: (c.send(stream), True)[1]
        self.assertEqual(self.ask(ADA, body.replace(b'{', b'{"stream":true,', 1)).status, 200)
        response = self.ask(ADA, body)
        self.assertEqual(response.status, 429)
        self.assertIn("tokens_per_day: Limit 1000, Remaining 540",
                      self.error_of(response)["message"])
        # What failed has used nothing.
        self.upstream.script = lambda c, _: support.json_answer(c, b'{}', "500 Oops")
        small = BODY.replace(b'{', b'{"max_tokens":400,', 1)
        for _ in range(3):
            self.assertEqual(self.ask(ADA, small).status, 502)

    def test_invented_models_share_one_count(self):
        more = limits('requests_per_hour = 2\nper = "model"\nscopes_max = 5')
        self.start(["limits"], more)
        statuses = [self.ask(body=BODY.replace(b'"m"', b'"m%d"' % i)).status for i in range(50)]
        self.assertEqual(statuses.count(200), 7)  # Five of their own, and two of all others.


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
