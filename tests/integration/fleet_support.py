"""A served fleet of mock engines (`llm-fleet serve`), for integration tests.

Every worker counts for itself what reaches it, and can be told at any time what is wrong with it.
"""

import json
import os
import signal
import subprocess
import tempfile

import gateway_support as support
from gateway_support import PATIENCE_S, Client

BUILD = ""


class Fleet:
    """A running `llm-fleet serve`, a hundred times as fast as engines are."""

    def __init__(self, *options, workers=2, speed=100):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "llm-fleet"), "serve", "--quiet", "--port", "0",
             "--speed", str(speed), "--workers", str(workers), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors)
        line = self.process.stdout.readline().decode()
        if not line.startswith("llm-fleet listens on "):
            raise RuntimeError("llm-fleet did not start")
        self.restarts = [0] * workers  # That were waited for.
        self.ports = [int(address.rsplit(":", 1)[1]) for address in line.split()[3:]]

    def get(self, worker, path):
        client = Client(self.ports[worker])
        client.send(f"GET {path} HTTP/1.1\r\nHost: m\r\n\r\n".encode())
        response = client.read_response()
        client.close()
        return response

    def post(self, worker, path, body):
        client = Client(self.ports[worker])
        client.post(path, body if isinstance(body, bytes) else json.dumps(body).encode())
        return client

    def answer(self, worker, path, body):
        client = self.post(worker, path, body)
        response = client.read_response()
        client.close()
        return response

    def stats(self, worker):
        return json.loads(self.get(worker, "/mock/stats").body)

    def wait_for(self, worker, condition, what):
        support.wait_until(lambda: condition(self.stats(worker)), what)

    def set_fault(self, worker, text):
        response = self.answer(worker, "/mock/fault", text.encode())
        assert response.status == 200, response.body

    def wait_for_restart(self, worker):
        """After kind=restart: its counters go on, its port is open again."""
        def is_back():
            try:
                told = self.stats(worker)
            except (OSError, EOFError):
                return False
            return told["restarts"] > self.restarts[worker] and told["faults_in_force"] == ""
        support.wait_until(is_back, "it does not come back")
        self.restarts[worker] += 1

    def metric(self, worker, name):
        lines = self.get(worker, "/metrics").body.decode().splitlines()
        found = [line for line in lines if line.startswith(f"vllm:{name}{{")]
        return float(found[0].rsplit(" ", 1)[1])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.errors.seek(0)
        said = self.errors.read().decode()
        self.errors.close()
        return code, said


    def stop_well(self, case):
        case.assertEqual(self.stop(), (0, ""))


def question(text, **more):
    return {"model": "m", "max_tokens": 4, "messages": [{"role": "user", "content": text}], **more}


def cached_of(response):
    return json.loads(response.body)["usage"]["prompt_tokens_details"]["cached_tokens"]


LONG = "a prompt of some length " * 100
