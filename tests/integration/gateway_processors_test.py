"""Processors of routes: what the upstream gets, what a client is told, what a reload changes.

The upstream keeps the bytes of each request, so that an edit is compared with exactly what it
should be, and a route without processors with what the client sent.
"""

import json
import os
import re
import signal
import sys
import tempfile
import threading
import unittest

import gateway_support as support
from gateway_support import CHAT, DONE, STREAM_HEAD, chunk, event
import vector_server
from secret_watch import WatchedCase

MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
# Odd in every way that JSON allows.
ODD = (b' { "model" : "m-1","temperature":1.50E0 , "messages" : [ {"role":"user",'
       b'"content":"\\u0048i \\/ \xc3\xbc"} ],"x":{"y":[ ]} }\n')


def config_for(port, processors, chain, more="", route=""):
    names = ", ".join(f'"{name}"' for name in chain)
    return (f'[server]\nhost = "127.0.0.1"\nport = 0\nshards = 1\n'
            f'[llm.up]\nprovider = "openai_compatible"\ntype = "chat"\n'
            f'base_url = "http://127.0.0.1:{port}/v1"\ntoken_env = "TEST_UPSTREAM_KEY"\n'
            f'{processors}\n[[route]]\npath_prefix = "/v1"\ntarget_llm = "up"\n{route}'
            f'processors = [{names}]\n{more}')


def exchange_lines(log):
    """What the lines of the logging processor say, name by name."""
    lines = [line for line in log.split("\n")[:-1] if " info pipeline: exchange " in line]
    pairs = [re.findall(r' (\w+)=("(?:[^"\\]|\\.)*"|\S+)', line) for line in lines]
    return [{name: json.loads(value) if value.startswith('"') else value for name, value in line}
            for line in pairs]


class ProcessorsCase(WatchedCase):
    def setUp(self):
        self.go = threading.Event()
        self.upstream = support.Upstream(self.script)
        self.gateway = None

    def tearDown(self):
        self.go.set()
        log = self.gateway.read_log()
        code = self.gateway.stop()
        self.upstream.close()
        self.assertEqual(code, 0, log)
        self.assertEqual(self.upstream.errors, [])

    def script(self, connection, request):
        """Answers; a stream has one event, and its end when it is told to go on."""
        if b'"stream":true' not in request.body:
            return support.json_answer(connection, b'{"ok":true}')
        connection.send(STREAM_HEAD + chunk(event(b'{"n":1}')))
        self.go.wait(support.PATIENCE_S)
        connection.send(chunk(DONE) + b"0\r\n\r\n")
        return True

    def start(self, processors, chain, **more):
        self.gateway = support.Gateway(config_for(self.upstream.port, processors, chain, **more))

    def ask(self, body, path=CHAT, fields=()):
        client = self.gateway.client()
        client.post(path, body, fields)
        response = client.read_response()
        client.close()
        return response

    def sent(self, body, path=CHAT, fields=()):
        """What the upstream gets for a request that must succeed."""
        before = len(self.upstream.requests)
        response = self.ask(body, path, fields)
        self.assertEqual(response.status, 200, response.body)
        self.assertEqual(len(self.upstream.requests), before + 1)
        return self.upstream.requests[-1]

    def reload(self, config):
        count = self.gateway.read_log().count("loaded anew")
        self.gateway.write_config(config)
        self.gateway.signal(signal.SIGHUP)
        support.wait_until(lambda: self.gateway.read_log().count("loaded anew") > count, "reload")

    def lines(self):
        return exchange_lines(self.gateway.read_log())


class EditsTest(ProcessorsCase):
    def test_nothing_changes_without_processors(self):
        self.start("", [])
        self.assertEqual(self.sent(ODD).body, ODD)

    def test_nothing_changes_where_no_condition_holds(self):
        self.start('[processor.p]\ntype = "system_prompt"\ntext = "X"\nwhen = "stream"\n'
                   '[processor.t]\ntype = "transform"\nset = { a = "1" }\nwhen = "messages > 1"\n',
                   ["p", "t"])
        self.assertEqual(self.sent(ODD).body, ODD)

    def test_edits_are_made_in_the_order_of_the_chain(self):
        self.start('[processor.first]\ntype = "transform"\nset = { temperature = "3" }\n'
                   '[processor.second]\ntype = "transform"\nclamp = { temperature = "..2" }\n'
                   'when = \'header("x-team") == "ads"\'\n'
                   '[processor.prompt]\ntype = "system_prompt"\n'
                   'text = "Team {{header.x-team}}."\n'
                   '[processor.counted]\ntype = "transform"\nset = { two = "true" }\n'
                   'when = "messages == 2"\n', ["first", "second", "prompt", "counted"])
        expected = ODD.replace(b'"messages" : [', b'"messages" : [{"role":"system","content":'
                               b'"Team %s."},').replace(b' { "model"', b' {"two":true, "model"')
        request = self.sent(ODD, fields=[("x-team", "ads")])
        self.assertEqual(request.body, expected.replace(b"1.50E0", b"2") % b"ads")
        self.assertEqual(request.field("content-length"), str(len(request.body)))
        request = self.sent(ODD, fields=[("x-team", 'a","b')])
        self.assertEqual(request.body, expected.replace(b"1.50E0", b"3") % b'a\\",\\"b')
        self.assertEqual(json.loads(request.body)["messages"][0]["content"], 'Team a","b.')

    def test_a_large_body_in_chunks(self):
        self.start('[processor.t]\ntype = "transform"\nset = { "metadata.team" = \'"search"\' }\n'
                   'remove = ["messages[*].name"]\n', ["t"])
        text = b"x" * (3 << 20)
        client = self.gateway.client()
        client.send(f"POST {CHAT} HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
                    .encode())
        body = b'{"model":"m","messages":[{"name":"n","content":"' + text + b'"}]}'
        for at in range(0, len(body), 100_000):
            client.send(chunk(body[at:at + 100_000]))
        client.send(b"0\r\n\r\n")
        self.assertEqual(client.read_response().status, 200)
        client.close()
        self.assertEqual(
            self.upstream.requests[-1].body,
            b'{"metadata":{"team":"search"},"model":"m","messages":[{"content":"' + text + b'"}]}')

    def test_a_changed_model_goes_on(self):
        self.start('[processor.t]\ntype = "transform"\nset = { model = \'"m-2"\' }\n', ["t"],
                   route='model_aliases = { "fast" = "m-9" }\n')
        self.assertEqual(self.sent(b'{"model":"fast","messages":[]}').body,
                         b'{"model":"m-2","messages":[]}')

    def test_a_changed_wish_for_a_stream_goes_on(self):
        self.start('[processor.t]\ntype = "transform"\nset = { stream = "false" }\n', ["t"])
        self.assertEqual(self.sent(b'{"model":"m","stream":true,"messages":[]}').body,
                         b'{"model":"m","stream":false,"messages":[]}')

    def test_prompts_of_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "prompt.txt")
            with open(path, "w", encoding="utf-8") as file:
                file.write("One\n")
            config = f'[processor.p]\ntype = "system_prompt"\ntext_file = "{path}"\n'
            self.start(config, ["p"])
            body = b'{"model":"m","input":"Hi"}'
            self.assertEqual(self.sent(body, RESPONSES).body,
                             b'{"instructions":"One","model":"m","input":"Hi"}')
            with open(path, "w", encoding="utf-8") as file:
                file.write("Two")
            self.reload(config_for(self.upstream.port, config, ["p"]))
            self.assertEqual(self.sent(body, RESPONSES).body,
                             b'{"instructions":"Two","model":"m","input":"Hi"}')


class RefusalsTest(ProcessorsCase):
    LIMITS = ('[processor.v]\ntype = "validation"\nroles = ["user", "assistant"]\n'
              'max_tokens_max = 100\nbody_bytes_max = 1000\nrequired_fields = ["user"]\n')

    def refused(self, body, path=CHAT):
        response = self.ask(json.dumps(body).encode(), path)
        self.assertEqual(self.upstream.requests, [], "the upstream must not be asked")
        return response.status, json.loads(response.body)["error"]

    def test_errors_name_the_field(self):
        self.start(self.LIMITS, ["v"])
        status, error = self.refused({"model": "m", "user": "u", "messages": [
            {"role": "user", "content": "a"}, {"role": "system", "content": "b"}]})
        self.assertEqual(status, 400)
        self.assertEqual(error, {
            "type": "invalid_request_error", "code": "invalid_value", "param": "messages[1].role",
            "message": "Invalid value: 'system'. Supported values are: 'user' and 'assistant'."})
        status, error = self.refused({"model": "m", "user": "u", "max_tokens": 101, "messages": []})
        self.assertEqual((status, error["param"], error["code"]),
                         (400, "max_tokens", "integer_above_max_value"))
        status, error = self.refused({"model": "m", "messages": []})
        self.assertEqual((status, error["param"]), (400, "user"))
        status, error = self.refused({"model": "m", "user": "u" * 1000, "messages": []})
        self.assertEqual((status, error["code"]), (413, "request_too_large"))

    def test_each_dialect_has_its_own_words(self):
        self.start(self.LIMITS, ["v"])
        status, error = self.refused({"model": "m", "max_tokens": 101, "messages": [],
                                      "user": "u"}, MESSAGES)
        self.assertEqual((status, error["type"]), (400, "invalid_request_error"))
        self.assertIn("Expected a value <= 100, but got 101", error["message"])

    def test_what_fits_is_not_touched(self):
        self.start(self.LIMITS, ["v"])
        body = b'{"model":"m" ,"user":"u","max_tokens":100,"messages":[{"role":"user"}]}'
        self.assertEqual(self.sent(body).body, body)


class HeadersTest(ProcessorsCase):
    def test_fields_of_both_sides(self):
        self.start('[processor.h]\ntype = "headers"\nrequest_set = { x-tier = "gold" }\n'
                   'request_remove = ["x-noise"]\nresponse_set = { x-served-by = "sluice" }\n',
                   ["h"])
        response = self.ask(ODD, fields=[("x-tier", "mine"), ("x-noise", "1")])
        self.assertEqual(response.field("x-served-by"), "sluice")
        request = self.upstream.requests[-1]
        self.assertEqual((request.field("x-tier"), request.count("x-tier")), ("gold", 1))
        self.assertIsNone(request.field("x-noise"))
        self.assertEqual(request.body, ODD)

    def test_routes_of_one_path_begin_alike_and_go_on_apart(self):
        self.start('[processor.h]\ntype = "headers"\nresponse_add = { x-seen = "h" }\n'
                   '[processor.a]\ntype = "transform"\nset = { which = \'"a"\' }\n'
                   '[processor.log]\ntype = "logging"\ncontent = "full"\n', ["h", "a"],
                   route='models = ["a"]\n',
                   more='[[route]]\npath_prefix = "/v1"\ntarget_llm = "up"\nmodels = ["b"]\n'
                        'processors = ["h", "log"]\n')
        response = self.ask(b'{"model":"a"}')
        self.assertEqual(self.upstream.requests[-1].body, b'{"which":"a","model":"a"}')
        self.assertEqual([v for n, v in response.fields if n == "x-seen"], ["h"])
        response = self.ask(b'{"model":"b"}')
        self.assertEqual(self.upstream.requests[-1].body, b'{"model":"b"}')
        self.assertEqual([v for n, v in response.fields if n == "x-seen"], ["h"])
        support.wait_until(self.lines, "the line of the second route")
        line, = self.lines()
        self.assertEqual((line["model"], line["content"], line["reply"]),
                         ("b", '{"model":"b"}', '{"ok":true}'))


class LoggingTest(ProcessorsCase):
    def test_a_line_for_each_exchange(self):
        self.start('[processor.log]\ntype = "logging"\ncontent = "summary"\n'
                   '[processor.v]\ntype = "validation"\nmessages_max = 1\n', ["log", "v"])
        body = {"model": "m-1", "messages": [
            {"role": "user", "content": "I am jane@example.org, hello"}]}
        count = 40  # More than other places in the log may say in a second.
        for _ in range(count):
            self.sent(json.dumps(body).encode(), fields=[("authorization", "Bearer of-client")])
        body["messages"].append({"role": "user", "content": "again"})
        self.assertEqual(self.ask(json.dumps(body).encode()).status, 400)
        support.wait_until(lambda: len(self.lines()) > count, "a line for each exchange")
        self.assertEqual(len(self.lines()), count + 1)
        first, last = self.lines()[0], self.lines()[-1]
        self.assertEqual(
            {key: first[key] for key in ("model", "status", "messages", "content", "reply",
                                         "finish", "has_tools", "upstream")},
            {"model": "m-1", "status": "200", "messages": "1", "reply": "",
             "content": "I am [email], hello", "finish": "complete", "has_tools": "false",
             "upstream": "up"})
        self.assertEqual((last["status"], last["error"], last["content"]),
                         ("400", "invalid_field", "again"))
        self.assertNotIn("of-client", self.gateway.read_log())
        self.assertNotIn(support.Gateway.KEY, self.gateway.read_log())

    def test_only_errors(self):
        self.start('[processor.log]\ntype = "logging"\nsample_percent = 0\n', ["log"])
        self.sent(ODD)
        self.upstream.script = lambda c, r: support.json_answer(c, b"{}", "500 Broken")
        self.assertGreaterEqual(self.ask(ODD).status, 500)
        support.wait_until(self.lines, "the line of the error")
        self.assertEqual([line["upstream_status"] for line in self.lines()], ["500"])

    def test_streams(self):
        self.go.set()
        self.start('[processor.log]\ntype = "logging"\ncontent = "full"\n', ["log"])
        response = self.ask(b'{"model":"m","stream":true,"messages":[]}')
        self.assertEqual(response.body, event(b'{"n":1}') + DONE)
        support.wait_until(self.lines, "the line of the stream")
        line, = self.lines()
        self.assertEqual((line["stream"], line["events"]), ("true", "2"))
        self.assertEqual(line["reply"].encode(), response.body)


class ReloadTest(ProcessorsCase):
    def test_a_live_stream_keeps_its_processors(self):
        def config(version):
            return (f'[processor.h]\ntype = "headers"\n'
                    f'response_set = {{ x-version = "{version}" }}\n'
                    f'[processor.t]\ntype = "transform"\nset = {{ v = "{version}" }}\n'
                    f'[processor.log]\ntype = "logging"\ncontent = "full"\n'
                    f'content_bytes_max = {version}00\n')

        chain = ["log", "h", "t"]
        self.start(config(1), chain)
        client = self.gateway.client()
        client.post(CHAT, b'{"stream":true}')
        _, fields = client.read_head()
        self.assertIn(("x-version", "1"), [(n.lower(), v) for n, v in fields])
        self.assertEqual(client.read_event(), event(b'{"n":1}'))
        for version in range(2, 6):
            self.reload(config_for(self.upstream.port, config(version), chain))
            response = self.ask(b'{"a":1}')
            self.assertEqual(response.field("x-version"), str(version))
            self.assertEqual(self.upstream.requests[-1].body, b'{"v":%d,"a":1}' % version)
        self.reload(config_for(self.upstream.port, "", []))
        self.assertEqual(self.sent(b'{"a":1}').body, b'{"a":1}')
        self.go.set()
        self.assertEqual(client.read_event(), DONE)
        client.close()
        support.wait_until(lambda: len(self.lines()) == 5, "all lines")
        stream = [line for line in self.lines() if line["stream"] == "true"]
        self.assertEqual([line["content"] for line in stream], ['{"stream":true}'])
        self.assertEqual(stream[0]["reply"].encode(), event(b'{"n":1}') + DONE)


class TranslatedTest(WatchedCase):
    def test_a_prompt_reaches_another_dialect(self):
        upstream = vector_server.VectorServer()
        upstream.set_reply(vector_server.reply_of(vector_server.load("anthropic/stream")))
        gateway = support.Gateway(
            '[server]\nhost = "127.0.0.1"\nport = 0\nshards = 1\n'
            f'[llm.up]\nprovider = "anthropic"\nbase_url = "http://127.0.0.1:{upstream.port}/v1"\n'
            'token_env = "TEST_UPSTREAM_KEY"\n'
            '[processor.p]\ntype = "system_prompt"\nmode = "prepend"\ntext = "Be \\"brief\\"."\n'
            '[processor.t]\ntype = "transform"\ndefault = { max_tokens = "77" }\n'
            '[processor.log]\ntype = "logging"\ncontent = "full"\ncontent_bytes_max = 65536\n'
            '[[route]]\npath_prefix = "/v1"\ntarget_llm = "up"\n'
            'processors = ["log", "p", "t"]\n')
        body = {"model": "m-1", "stream": True, "messages": [
            {"role": "system", "content": "Old."}, {"role": "user", "content": "Hi"}]}
        client = gateway.client()
        client.post(CHAT, json.dumps(body).encode())
        response = client.read_response()
        client.close()
        self.assertEqual((response.status, response.complete), (200, True), response.body)
        sent = json.loads(upstream.requests[0].body)
        system = sent["system"]
        text = system if isinstance(system, str) else "".join(block["text"] for block in system)
        self.assertEqual(text, 'Be "brief".\n\nOld.')
        self.assertEqual(sent["max_tokens"], 77)
        self.assertEqual([m["role"] for m in sent["messages"]], ["user"])
        # The log has what the client got, in its own dialect.
        support.wait_until(lambda: exchange_lines(gateway.read_log()), "the line of the exchange")
        line, = exchange_lines(gateway.read_log())
        self.assertEqual(line["reply"].encode(), response.body)
        log = gateway.read_log()
        self.assertEqual(gateway.stop(), 0, log)
        upstream.close()
        self.assertEqual(upstream.errors, [])


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
