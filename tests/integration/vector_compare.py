"""How replies and requests are compared with the recorded exchanges of tests/data/vectors.

Names that stand for any value, subsets, JSON inside strings: `difference` says where two values
differ. What a client puts together from a stream: ChatStream and MessagesStream, which also hold
the stream against the rules of its protocol.
"""

import json
import re

STANDS_FOR_ANY = re.compile(r"^<[^</ ]+>$")


def _parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def difference(expected, actual, extras, path=""):
    """Empty, or the first place where `actual` is not what was expected. `extras`: whether an
    object may have members that are not expected."""
    if path.endswith(".content") and expected in (None, "") and actual in (None, ""):
        return ""
    if expected is None:
        return "" if actual is None else _differ(path, "nothing", actual)
    if isinstance(expected, bool):
        return "" if actual is expected else _differ(path, expected, actual)
    if isinstance(expected, str):
        return _string_difference(expected, actual, extras, path)
    if isinstance(expected, (int, float)):
        same = (isinstance(actual, (int, float)) and not isinstance(actual, bool)
                and expected == actual)
        return "" if same else _differ(path, expected, actual)
    if isinstance(expected, list):
        if not isinstance(actual, list) or len(expected) != len(actual):
            return _differ(path, f"{len(expected)} items", actual)
        found = (difference(a, b, extras, f"{path}[{i}]")
                 for i, (a, b) in enumerate(zip(expected, actual)))
        return next(filter(None, found), "")
    return _object_difference(expected, actual, extras, path)


def _differ(path, expected, actual):
    return f"{path}: expected {json.dumps(expected)[:300]}, got {json.dumps(actual)[:300]}"


def _string_difference(expected, actual, extras, path):
    if expected == "<int>":
        is_count = isinstance(actual, int) and not isinstance(actual, bool) and actual >= 0
        return "" if is_count else _differ(path, expected, actual)
    if not isinstance(actual, str):
        return _differ(path, expected, actual)
    if expected == actual or (STANDS_FOR_ANY.match(expected) and actual):
        return ""
    wanted, found = _parsed(expected), _parsed(actual)
    if isinstance(wanted, (dict, list)) and found is not None:
        return difference(wanted, found, extras, path + "(json)")
    return _differ(path, expected, actual)


def _object_difference(expected, actual, extras, path):
    if not isinstance(actual, dict):
        return _differ(path, expected, actual)
    for key, value in expected.items():
        found = difference(value, actual.get(key), extras, f"{path}.{key}")
        if found:
            return found
    if not extras:
        for key, value in actual.items():
            if key not in expected:
                return _differ(f"{path}.{key}", None, value)
    return ""


def events_of(body):
    """(name, data) of each event; text after the last empty line is one named "unfinished"."""
    events = []
    blocks = body.decode().replace("\r\n", "\n").split("\n\n")
    for block in blocks[:-1]:
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            fields = [tuple(line.split(":", 1)) for line in lines]
            name = [v.strip() for n, v in fields if n == "event"]
            data = "\n".join(v.removeprefix(" ") for n, v in fields if n == "data")
            events.append((name[0] if name else "", data))
    if blocks[-1]:
        events.append(("unfinished", blocks[-1]))
    return events


class Stream:
    """What both kinds of client have in common."""

    def __init__(self, body):
        self.problems = []
        self.is_done = False
        self.error = None
        for name, data in events_of(body):
            if self.is_done or self.error:
                self.problems.append(f"something comes after the end: {data[:200]}")
            self.read(name, data)

    def check(self, is_true, problem):
        if not is_true:
            self.problems.append(problem)

    def read(self, name, data):
        raise NotImplementedError


class ChatStream(Stream):
    """A client of chat completions; looks at the first choice."""

    def __init__(self, body):
        self.frame = None
        self.message = {"role": None, "content": None}
        self.calls = []
        self.finish = None
        self.usage = None
        super().__init__(body)
        if self.calls:
            self.message["tool_calls"] = self.calls

    def aggregate(self):
        return {"message": self.message, "finish_reason": self.finish, "usage": self.usage}

    def read(self, name, data):
        self.check(name == "", f"an event has the name {name}")
        if data == "[DONE]":
            self.is_done = True
            return
        chunk = json.loads(data)
        if "error" in chunk:
            self.error = chunk["error"]
            return
        frame = (chunk.get("id"), chunk.get("created"), chunk.get("model"))
        self.frame = self.frame or frame
        self.check(frame == self.frame, f"id, created or model change: {self.frame} {frame}")
        self.check(all(frame), f"id, created or model is missing: {frame}")
        if not chunk["choices"]:
            self.check(self.finish, "a chunk without choices before the finish")
            self.check(chunk.get("usage"), "a chunk with neither choices nor usage")
            self.usage = chunk.get("usage")
        for choice in chunk["choices"]:
            if choice["index"] == 0:
                self.read_choice(choice)

    def read_choice(self, choice):
        self.check(self.finish is None, "the choice goes on after its finish")
        delta = choice["delta"]
        if self.message["role"] is None:
            self.check(delta.get("role") == "assistant", "the first delta has no role")
            self.message["role"] = "assistant"
        for name in ("content", "reasoning_content", "refusal"):
            if delta.get(name):
                self.message[name] = (self.message.get(name) or "") + delta[name]
        if delta.get("thinking_blocks"):
            self.message.setdefault("thinking_blocks", []).extend(delta["thinking_blocks"])
        for call in delta.get("tool_calls") or []:
            self.read_call(call)
        self.finish = choice.get("finish_reason") or self.finish

    def read_call(self, delta):
        index, function = delta["index"], delta.get("function", {})
        if index == len(self.calls):
            whole = delta.get("id") and delta.get("type") == "function" and function.get("name")
            self.check(whole, "the first delta of a call lacks id, type or name")
            call = {"id": delta.get("id"), "type": "function",
                    "function": {"name": function.get("name"), "arguments": ""}}
            if "extra_content" in delta:
                call["extra_content"] = delta["extra_content"]
            self.calls.append(call)
        elif index > len(self.calls):
            self.problems.append(f"the index of a call jumps to {index}")
            return
        else:
            self.check("id" not in delta and "name" not in function, "a call repeats id or name")
        self.calls[index]["function"]["arguments"] += function.get("arguments") or ""


class MessagesStream(Stream):
    """A client of Anthropic's Messages."""

    def __init__(self, body):
        self.started = False
        self.blocks = []
        self.is_open = False
        self.partial_json = ""
        self.stop_reason = None
        self.usage = None
        super().__init__(body)

    def aggregate(self):
        return {"content": self.blocks, "stop_reason": self.stop_reason, "usage": self.usage}

    def read(self, name, data):
        event = json.loads(data)
        kind = event["type"]
        self.check(kind == name, f"the event {name} has the type {kind}")
        self.check(self.started or kind in ("message_start", "error", "ping"),
                   f"the first event is {kind}")
        if kind == "message_start":
            self.check(not self.started and event["message"]["usage"], "a second start")
            self.started = True
        elif kind == "content_block_start":
            self.check(not self.is_open and event["index"] == len(self.blocks),
                       "blocks overlap or their indices jump")
            self.is_open = True
            self.partial_json = ""
            self.blocks.append(dict(event["content_block"]))
        elif kind == "content_block_delta":
            self.check(self.is_open and event["index"] == len(self.blocks) - 1,
                       "a delta for a block that is not open")
            self.read_delta(event["delta"])
        elif kind == "content_block_stop":
            self.check(self.is_open, "a block stops that is not open")
            self.is_open = False
            if self.partial_json:
                self.blocks[-1]["input"] = json.loads(self.partial_json)
        elif kind == "message_delta":
            self.check(not self.is_open, "message_delta inside a block")
            self.stop_reason = event["delta"]["stop_reason"]
            self.usage = event["usage"]
        elif kind == "message_stop":
            self.is_done = True
        elif kind == "error":
            self.error = event["error"]

    def read_delta(self, delta):
        block = self.blocks[-1]
        if delta["type"] == "input_json_delta":
            self.partial_json += delta["partial_json"]
            return
        name = delta["type"].removesuffix("_delta")
        self.check(name == "signature" or name == block["type"],
                   f"a {delta['type']} inside a {block['type']} block")
        block[name] = block.get(name, "") + delta[name]
