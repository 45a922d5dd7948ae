"""Anthropic's API as other clouds host it: what they are sent, and what its own clients get."""

import contextlib
import json
import os
import sys
import unittest

import gateway_credentials_test as credentials
import gateway_support as support
import vector_server
from secret_watch import WatchedCase

MODEL = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
           "content": [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
                       {"type": "text", "text": "Hello."}],
           "stop_reason": "end_turn", "usage": {"input_tokens": 12, "output_tokens": 3}}
REQUEST = {"model": MODEL, "max_tokens": 50, "context_management": {"edits": [1.50]},
           "messages": [{"role": "user", "content": "Hi"}]}


def recorded_frames():
    for stream in vector_server.load("eventstream/recorded")["streams"]:
        if "about" in stream:
            return bytes.fromhex(stream["bytes_hex"]), [f["decoded"] for f in stream["frames"]]
    raise AssertionError("no stream of InvokeModel is recorded")


class Hosted:
    provider = ""
    version = ""

    def setUp(self):
        self.upstream = vector_server.VectorServer()
        self.gateway = support.Gateway(
            credentials.config_for(self.provider, f"http://127.0.0.1:{self.upstream.port}",
                                   self.more()) +
            '[server.access_log]\ntarget = "stdout"\nformat = "json"\n', self.environment())

    def tearDown(self):
        log = self.gateway.read_log() + self.gateway.read_access()
        self.assertEqual(self.gateway.stop(), 0, log)
        self.upstream.close()
        self.assertEqual(self.upstream.errors, [])

    def ask(self, body, path="/v1/messages", fields=()):
        with contextlib.closing(self.gateway.client()) as client:
            client.post(path, json.dumps(body).encode(),
                        [("anthropic-version", "2023-06-01"), *fields])
            return client.read_response()

    def say(self, body, status=200, fields=()):
        self.upstream.set_reply(vector_server.Reply(
            status, [("content-type", "application/json"), *fields], json.dumps(body).encode(),
            False))

    def check_used(self, prompt, completion):
        support.wait_until(lambda: self.gateway.read_access().endswith("\n"), "no access log")
        line = json.loads(self.gateway.read_access())
        self.assertEqual((line["prompt_tokens"], line["completion_tokens"]), (prompt, completion))

    def test_a_whole_message_goes_by_as_it_is(self):
        self.say(MESSAGE)
        response = self.ask(REQUEST)
        self.assertEqual((response.status, response.body), (200, json.dumps(MESSAGE).encode()))
        [request] = self.upstream.requests
        sent = json.loads(request.body)
        self.assertEqual(sent, {"anthropic_version": self.version,
                                **{k: v for k, v in REQUEST.items() if k != "model"}})
        self.assertIn(b'{"edits": [1.5]}', request.body)
        self.assertEqual(request.line.split(" ")[1], self.path(False))
        self.check_used(12, 3)

    def test_clients_of_other_dialects_are_served(self):
        self.say(MESSAGE)
        response = self.ask({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]},
                            "/v1/chat/completions")
        self.assertEqual(response.status, 200, response.body)
        answer = json.loads(response.body)
        self.assertEqual(answer["choices"][0]["message"]["content"], "Hello.")
        sent = json.loads(self.upstream.requests[0].body)
        self.assertEqual(sent["anthropic_version"], self.version)
        self.assertNotIn("model", sent)

    def test_an_error_is_told_in_the_clients_form(self):
        self.say({"message": "Too many requests"}, 429,
                 [("x-amzn-errortype", "ThrottlingException:http://x/")])
        response = self.ask(REQUEST)
        self.assertEqual(response.status, 429)
        answer = json.loads(response.body)
        self.assertEqual((answer["type"], answer["error"]["type"]), ("error", "rate_limit_error"))


class BedrockTest(Hosted, WatchedCase):
    provider = "anthropic_bedrock"
    version = "bedrock-2023-05-31"

    @staticmethod
    def more():
        return f'location = "{credentials.REGION}"'

    @staticmethod
    def environment():
        return {"AWS_ACCESS_KEY_ID": credentials.ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": credentials.SECRET_KEY,
                "AWS_SESSION_TOKEN": credentials.SESSION_TOKEN}

    @staticmethod
    def path(is_stream):
        return (f"/model/{MODEL.replace(':', '%3A')}/"
                f"{'invoke-with-response-stream' if is_stream else 'invoke'}")

    def stream_of(self, body, cut_after=-1):
        return vector_server.Reply(
            200, [("content-type", "application/vnd.amazon.eventstream")], body, True,
            vector_server.Faults(cut_after=cut_after))

    def test_events_come_out_of_their_frames(self):
        frames, decoded = recorded_frames()
        self.upstream.set_reply(self.stream_of(frames))
        response = self.ask({**REQUEST, "stream": True, "anthropic_beta": ["a"]},
                            fields=[("anthropic-beta", "b-1, c-2")])
        self.assertEqual((response.status, response.complete), (200, True))
        events = [event.split("\n") for event in response.body.decode().split("\n\n") if event
                  and not event.startswith(":")]
        self.assertEqual([(name, json.loads(data.removeprefix("data: "))) for name, data in events],
                         [(f"event: {each['type']}", each) for each in decoded])
        [request] = self.upstream.requests
        self.assertEqual(request.line.split(" ")[1], self.path(True))
        sent = json.loads(request.body)
        self.assertEqual(sent["anthropic_beta"], ["a", "b-1", "c-2"])
        self.assertNotIn("stream", sent)
        self.assertIsNone(request.field("anthropic-beta"))
        credentials.AwsTest.check(self, request)
        self.check_used(392, 134)

    def test_a_stream_that_is_cut_ends_in_an_error_event(self):
        frames, _ = recorded_frames()
        self.upstream.set_reply(self.stream_of(frames, cut_after=3000))
        response = self.ask({**REQUEST, "stream": True})
        events = response.body.decode().rstrip("\n").split("\n\n")
        self.assertTrue(events[-1].startswith("event: error\n"), events[-1])
        self.assertNotIn("message_stop", response.body.decode())

    def test_openai_clients_get_chunks(self):
        frames, _ = recorded_frames()
        self.upstream.set_reply(self.stream_of(frames))
        response = self.ask({"model": MODEL, "stream": True,
                             "messages": [{"role": "user", "content": "Hi"}]},
                            "/v1/chat/completions")
        text = response.body.decode()
        self.assertIn('"finish_reason":"tool_calls"', text)
        self.assertTrue(text.endswith("data: [DONE]\n\n"), text[-200:])


class VertexTest(Hosted, WatchedCase):
    provider = "anthropic_vertex"
    version = "vertex-2023-10-16"

    @staticmethod
    def more():
        # A token that somebody else renews.
        return 'location = "us-east5"\nproject = "p-1"\ntoken_env = "UP_TOKEN"'

    @staticmethod
    def environment():
        return {"UP_TOKEN": "ya29.of-somebody-else"}

    @staticmethod
    def path(is_stream):
        return (f"/projects/p-1/locations/us-east5/publishers/anthropic/models/"
                f"{MODEL.replace(':', '%3A')}:{'streamRawPredict' if is_stream else 'rawPredict'}")

    def test_a_stream_stays_as_it_is(self):
        stream = b"".join(
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            for event in recorded_frames()[1])
        self.upstream.set_reply(vector_server.event_stream(stream))
        response = self.ask({**REQUEST, "stream": True}, fields=[("anthropic-beta", "b-1")])
        self.assertEqual((response.status, response.body), (200, stream))
        [request] = self.upstream.requests
        self.assertEqual(request.line.split(" ")[1], self.path(True))
        self.assertTrue(json.loads(request.body)["stream"])
        self.assertEqual(request.field("anthropic-beta"), "b-1")


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
