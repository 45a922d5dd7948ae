"""The real binary between scripted peers, for integration tests.

Gateway starts `sluice` with a configuration in a temporary folder, on a port of its own choice.
Upstream is a server of raw sockets: a test gives it one function per exchange and afterwards reads
exactly which bytes it received. Everything is on loopback, every wait is bounded, and only
processes started here are ended.
"""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time

from secret_watch import WATCH

SLUICE = os.environ.get("SLUICE_BINARY", "")
# Upper bound of any wait. A test that waits this long has failed; none depends on its length.
PATIENCE_S = 15.0


class Request:
    """One request as an upstream received it."""

    def __init__(self, head, body):
        self.raw_head = head
        self.body = body
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.fields = [tuple(l.split(": ", 1)) for l in lines[1:] if l]

    def field(self, name):
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        return values[0] if values else None

    def count(self, name):
        return sum(1 for n, _ in self.fields if n.lower() == name.lower())


class Connection:
    """A connection of the scripted upstream, or a raw client."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        WATCH.learn_from_wire(data)
        self.sock.sendall(data)

    def read_until(self, mark):
        while mark not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(f"ended with {self.buffer[-200:]!r}")
            self.buffer += data
        head, self.buffer = self.buffer.split(mark, 1)
        return head

    def read_exactly(self, count):
        parts, have = [self.buffer], len(self.buffer)  # Joined once: bodies may be large.
        while have < count:
            data = self.sock.recv(65536)
            if not data:
                self.buffer = b"".join(parts)
                raise EOFError(f"ended with {have} of {count} bytes")
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        data, self.buffer = data[:count], data[count:]
        return data

    def read_to_end(self):
        """All bytes up to the end of the connection; and whether it ended by a reset."""
        data, self.buffer = self.buffer, b""
        while True:
            try:
                more = self.sock.recv(65536)
            except ConnectionResetError:
                return data, True
            if not more:
                return data, False
            data += more

    def wait_for_end(self):
        """Seconds until the peer was gone (an end or a reset)."""
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while self.sock.recv(65536):
                pass
        return time.monotonic() - began

    def read_chunked(self):
        body = b""
        while True:
            size = int(self.read_until(b"\r\n").split(b";")[0], 16)
            body += self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n"
            if size == 0:
                return body

    def read_request(self):
        head = self.read_until(b"\r\n\r\n")
        WATCH.learn_from_wire(head)
        request = Request(head, b"")
        if (request.field("transfer-encoding") or "").lower() == "chunked":
            request.body = self.read_chunked()
        else:
            request.body = self.read_exactly(int(request.field("content-length") or 0))
        return request

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()


class Response:
    """A response as a client received it."""

    def __init__(self, status, fields, body, complete):
        self.status = status
        self.fields = fields
        self.body = body
        self.complete = complete  # Whether its framing came to a proper end.

    def field(self, name):
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        return values[0] if values else None


class Client(Connection):
    """A raw client of the gateway."""

    def __init__(self, port):
        super().__init__(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S))

    def post(self, path, body, fields=()):
        head = f"POST {path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{n}: {v}\r\n" for n, v in fields)
        self.send(head.encode() + b"\r\n" + body)

    def read_head(self):
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        return int(lines[0].split(" ")[1]), [tuple(l.split(": ", 1)) for l in lines[1:]]

    def read_response(self, to_head=False):
        """One response; interim ones are skipped."""
        status, fields = self.read_head()
        while 100 <= status < 200:
            status, fields = self.read_head()
        response = Response(status, fields, b"", True)
        if to_head or status in (204, 304):
            return response
        try:
            if (response.field("transfer-encoding") or "") == "chunked":
                self._read_chunks(response)
            elif response.field("content-length") is not None:
                self._read_length(response, int(response.field("content-length")))
            else:
                response.body, reset = self.read_to_end()
                response.complete = not reset
        except (EOFError, ConnectionError):
            response.complete = False
        return response

    def read_event(self):
        """Whole chunks up to the end of an event; an event may come in several."""
        body = b""
        while not body.endswith(b"\n\n"):
            size = int(self.read_until(b"\r\n"), 16)
            if size == 0:
                raise EOFError(f"ended with {body[-200:]!r}")
            body += self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n"
        return body

    def _read_length(self, response, length):
        try:
            response.body = self.read_exactly(length)
        except (EOFError, ConnectionError):
            response.body, self.buffer = self.buffer, b""
            raise

    def _read_chunks(self, response):
        while True:
            size = int(self.read_until(b"\r\n"), 16)
            response.body += self.read_exactly(size)
            assert self.read_exactly(2) == b"\r\n"
            if size == 0:
                return


class Upstream:
    """A scripted server: `script(connection, request)` runs for each request of a connection.

    A script that returns True keeps the connection for another request.
    """

    def __init__(self, script=None, port=0, host="127.0.0.1"):
        self.script = script
        self.requests = []
        self.errors = []
        self.accepted = 0
        self.open = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server((host, port), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
                self.open += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def wrap(self, sock):
        """What the script talks through; a subclass may put TLS between."""
        return sock

    def _serve(self, sock):
        try:
            sock = self.wrap(sock)
            connection = Connection(sock)
            while True:
                request = connection.read_request()
                with self.lock:
                    self.requests.append(request)
                if not self.script(connection, request):
                    break
        except (EOFError, OSError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(repr(error))
        finally:
            with contextlib.suppress(OSError):
                sock.close()
            with self.lock:
                self.open -= 1

    def close(self):
        """Refuses connections from now on."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        select.select([], [], [], 0.002)


CHAT = "/v1/chat/completions"
# Lines of an upstream whose errors are not to have an effect on what comes after them.
ONE_ATTEMPT = "max_retries = 0\nkey_cooldown_ms = 0\n"


def config_for(upstream_port, server="", llm="", route="", more="", retries=None):
    """Unless retries are asked for, each request is one attempt that no other depends on."""
    attempts = ONE_ATTEMPT if retries is None else f"max_retries = {retries}\n"
    return f"""
[server]
host = "127.0.0.1"
port = 0
shards = 1
{server}

[llm.up]
provider = "openai_compatible"
type = "chat"
base_url = "http://127.0.0.1:{upstream_port}/v1"
token_env = "TEST_UPSTREAM_KEY"
{attempts}{llm}

[[route]]
path_prefix = "/v1"
target_llm = "up"
{route}
{more}
"""


class Gateway:
    """The binary under test."""

    KEY = "sk-upstream-secret-4711"

    def __init__(self, config, environment=None, prefix=(), pass_fds=()):
        self.folder = tempfile.TemporaryDirectory()
        self.config_path = os.path.join(self.folder.name, "sluice.toml")
        self.write_config(config)
        self.errors = open(os.path.join(self.folder.name, "stderr"), "w+b")
        self.access = open(os.path.join(self.folder.name, "stdout"), "w+b")
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("SLUICE_", "OTEL_"))}
        environ.update({"TEST_UPSTREAM_KEY": self.KEY}, **(environment or {}))
        WATCH.learn_from_environment(
            {n: v for n, v in environ.items() if n.startswith("TEST_") or n in (environment or {})})
        # Gateways side by side must not meet at the default address of the admin API.
        if "[admin]" not in config:
            environ.setdefault("SLUICE_ADMIN_LISTEN", "off")
        self.process = subprocess.Popen(
            [*prefix, SLUICE, "--config", self.config_path],
            stdin=subprocess.DEVNULL, stdout=self.access, stderr=self.errors, env=environ,
            pass_fds=pass_fds)
        self.port = self._wait_for_port()

    def write_config(self, config):
        with open(self.config_path, "w", encoding="utf-8") as file:
            file.write(config)

    def read_log(self):
        self.errors.flush()
        with open(self.errors.name, "rb") as file:
            return file.read().decode()

    def read_access(self):
        with open(self.access.name, "rb") as file:
            return file.read().decode()

    def _wait_for_port(self):
        found = []

        def listens():
            match = re.search(r"listens on https?://[^ ]*:(\d+) ", self.read_log())
            if match:
                found.append(int(match.group(1)))
            if self.process.poll() is not None:
                raise RuntimeError("sluice ended: " + self.read_log())
            return bool(found)

        wait_until(listens, "sluice did not start: " + self.read_log())
        return found[0]

    def client(self):
        return Client(self.port)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(PATIENCE_S + 30)

    def stop(self):
        """Ends it; returns the exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        code = self.process.returncode
        self.errors.close()
        self.access.close()
        for name in sorted(os.listdir(self.folder.name)):
            if name in ("stderr", "stdout") or ".log" in name:
                WATCH.capture_file(f"the gateway's {name}", os.path.join(self.folder.name, name))
        self.folder.cleanup()
        return code

    def rss_kib(self):
        """Resident memory, without what is shared with files: libraries load lazily."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"RssAnon:\s+(\d+)", file.read()).group(1))

    def admin_address(self):
        """Of the admin API, as the start tells it: a URL, or unix: and a path."""
        lines = [l for l in self.read_log().splitlines() if l.startswith("admin API: ")]
        assert len(lines) == 1, lines
        return lines[0].removeprefix("admin API: ")

    def admin_port(self):
        return int(self.admin_address().rsplit(":", 1)[1])

    def admin(self, method, path, body=None):
        """What the admin API answers; `body` is sent as JSON."""
        data = b"" if body is None else json.dumps(body).encode()
        with contextlib.closing(Client(self.admin_port())) as client:
            client.send(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
                        f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
            return client.read_response()

    def metrics_text(self):
        client = self.client()
        client.send(b"GET /metrics HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
        text = client.read_response().body.decode()
        client.close()
        WATCH.capture("/metrics", text)
        return text

    def metric(self, pattern):
        """The sum of the series whose text matches."""
        return sum(float(l.rsplit(" ", 1)[1]) for l in self.metrics_text().splitlines()
                   if not l.startswith("#") and re.search(pattern, l))


def is_refused(port):
    """Nobody listens there any more."""
    try:
        Client(port).close()
    except ConnectionError:
        return True
    return False


def stream_in_two(connection, go):
    """A stream of two events, of which the second one waits for `go`."""
    connection.send(STREAM_HEAD + chunk(event(b"1")))
    go.wait(PATIENCE_S)
    connection.send(chunk(event(b"2")) + chunk(DONE) + b"0\r\n\r\n")
    return True


def json_answer(connection, body, status="200 OK", fields=""):
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{fields}"
    connection.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return True


STREAM_HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(text):
    return b"data: " + text + b"\n\n"


DONE = event(b"[DONE]")
