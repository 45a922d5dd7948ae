"""What the tests of pools share: answers of upstreams, asking, and the admin API's view of targets.

A case has `self.gateway`, and in `self.peers` its scripted upstreams by name.
"""

import json
import os
import subprocess

import gateway_support as support
from gateway_support import CHAT, event
from secret_watch import WatchedCase

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
STREAM = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'


def reply(text, prompt=3, completion=2):
    return json.dumps({
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                     "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion,
                  "total_tokens": prompt + completion}}).encode()


def delta(text, finish=None):
    return event(json.dumps({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}).encode())


class PooledCase(WatchedCase):
    def ask(self, body=BODY, fields=(), path=CHAT):
        client = self.gateway.client()
        client.post(path, body, fields)
        response = client.read_response()
        client.close()
        return response

    def text_of(self, response):
        self.assertEqual(response.status, 200, response.body)
        return json.loads(response.body)["choices"][0]["message"]["content"]

    def seen(self, name):
        """How many requests it had; checks are none."""
        return len([r for r in self.peers[name].requests if r.line.startswith("POST ")])

    def admin(self, method, path, body=None):
        return self.gateway.admin(method, path, body)

    def targets(self):
        answer = self.admin("GET", "/v1/targets")
        self.assertEqual(answer.status, 200, answer.body)
        return {t["name"]: t for t in json.loads(answer.body)["pools"][0]["targets"]}

    def sluice(self, *words, code=0):
        """What a command prints that asks the gateway."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
        address = f"127.0.0.1:{self.gateway.admin_port()}"
        ended = subprocess.run([support.SLUICE, *words, "--admin", address], env=environ,
                               capture_output=True, timeout=support.PATIENCE_S, check=False)
        self.assertEqual(ended.returncode, code, ended.stderr)
        return (ended.stdout + ended.stderr).decode()

    def sluice_targets(self, *words, code=0):
        return self.sluice("targets", *words, code=code)
