"""A mock upstream that replays the recorded exchanges of tests/data/vectors.

VectorServer answers every request with the reply that was set last and keeps what it received.
Streams go out chunked, in random small pieces that a seed decides; a reply can be made to start
late, to break off by a reset after so many bytes, or to end its connection without its terminator.

Tests in Python use the class. Others say `POST /mock/reply {"name": "gemini/stream"}` before a
request, with any member of Faults. `GET /mock/requests` tells what has arrived since the last such
question, `GET /mock/left` whether a peer ended its connection before it had its reply, and
`GET /mock/calls` which tools the model calls in the vector.
"""

import dataclasses
import json
import os
import random
import select
import threading

import gateway_support as support

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "vectors")
# Pieces of a stream: smaller than an event, so that most events arrive in parts.
PIECE_BYTES_MAX = 160


@dataclasses.dataclass
class Faults:
    """In what a reply differs from a good one."""

    seed: int = 1
    delay_s: float = 0.0  # Before the reply begins.
    cut_after: int = -1  # Body bytes after which the connection is reset.
    unterminated: bool = False  # All of the body, then an end without the last chunk.
    hold_after: int = -1  # Body bytes after which nothing comes any more, until the peer leaves.


@dataclasses.dataclass
class Reply:
    """What an upstream answers."""

    status: int
    fields: list
    body: bytes
    is_stream: bool
    faults: Faults = dataclasses.field(default_factory=Faults)


def load(name):
    """The vector `group/name`."""
    with open(os.path.join(VECTORS, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def names(group):
    files = os.listdir(os.path.join(VECTORS, group))
    return sorted(f"{group}/{name[:-5]}" for name in files if name.endswith(".json"))


def reply_of(vector, **faults):
    response = vector["upstream_response"]
    body = (response["body_utf8"].encode() if "body_utf8" in response
            else bytes.fromhex(response["body_hex"]))
    is_stream = bool(vector.get("stream")) and response["status"] == 200
    return Reply(response["status"], list(response["headers"].items()), body, is_stream,
                 Faults(**faults))


def event_stream(body, **faults):
    """A stream of one's own making."""
    return Reply(200, [("content-type", "text/event-stream")], body, True, Faults(**faults))


class VectorServer(support.Upstream):
    """The mock upstream; see the top of the file."""

    def __init__(self):
        self.reply = None
        self.vector = None  # That the reply is from, when it was set by a request.
        self.left = threading.Event()  # A peer ended its connection before it had its reply.
        super().__init__(self._answer)

    def set_reply(self, reply):
        self.reply = reply
        self.requests.clear()
        self.left.clear()

    def _answer(self, connection, request):
        if request.line.split(" ")[1].startswith("/mock/"):
            return self._control(connection, request)
        reply = self.reply
        if reply.faults.delay_s and self._has_left(connection, reply.faults.delay_s):
            return False
        try:
            connection.send(self._head(reply))
            send = self._send_stream if reply.is_stream else self._send_whole
            return send(connection, reply)
        except OSError:
            self.left.set()
            raise

    @staticmethod
    def _head(reply):
        head = f"HTTP/1.1 {reply.status} Recorded\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in reply.fields)
        head += ("transfer-encoding: chunked\r\n" if reply.is_stream
                 else f"content-length: {len(reply.body)}\r\n")
        return head.encode() + b"\r\n"

    def _has_left(self, connection, patience_s):
        """Waits for the peer to end the connection, or to say something, which it must not."""
        if not select.select([connection.sock], [], [], patience_s)[0]:
            return False
        self.left.set()
        return True

    @staticmethod
    def _send_whole(connection, reply):
        if reply.faults.cut_after >= 0:
            connection.send(reply.body[:reply.faults.cut_after])
            connection.reset()
            return False
        connection.send(reply.body)
        return True

    def _send_stream(self, connection, reply):
        faults = reply.faults
        dice = random.Random(faults.seed)
        stop = min([at for at in (faults.cut_after, faults.hold_after) if at >= 0],
                   default=len(reply.body))
        at = 0
        while at < stop:
            piece = reply.body[at:min(stop, at + dice.randint(1, PIECE_BYTES_MAX))]
            connection.send(support.chunk(piece))
            at += len(piece)
        if faults.cut_after >= 0:
            connection.reset()
            return False
        if faults.hold_after >= 0:
            self._has_left(connection, support.PATIENCE_S)
            return False
        if faults.unterminated:
            return False
        connection.send(b"0\r\n\r\n")
        return True

    def _control(self, connection, request):
        path = request.line.split(" ")[1]
        answer = {}
        with self.lock:
            if self.requests[-1] is request:
                self.requests.pop()
        if path == "/mock/reply":
            order = json.loads(request.body)
            self.vector = load(order.pop("name"))
            self.set_reply(reply_of(self.vector, **order))
        elif path == "/mock/requests":
            answer = [describe(seen) for seen in self.requests]
            self.requests.clear()
        elif path == "/mock/calls":
            answer = calls_of(self.vector)
        else:
            answer = {"left": self.left.is_set()}
        return support.json_answer(connection, json.dumps(answer).encode())


def describe(request):
    method, target, _ = request.line.split(" ")
    return {"method": method, "target": target, "body": request.body.decode("latin-1"),
            "headers": {name.lower(): value for name, value in request.fields}}


def calls_of(vector):
    """The tools that the model calls in a vector, as its client should see them."""
    expected = vector["client_response"]
    if vector.get("stream"):
        message = expected["aggregate"]["message"]
    else:
        message = expected["body"]["choices"][0]["message"]
    calls = [{"name": call["function"]["name"], "input": json.loads(call["function"]["arguments"])}
             for call in message.get("tool_calls", [])]
    return {"calls": calls, "names": sorted({call["name"] for call in calls})}
