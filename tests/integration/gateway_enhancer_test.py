"""The enhancer: another model rewrites the query, or the request goes on as it came."""

import json
import os
import sys
import threading
import time
import unittest

import gateway_support as support
from secret_watch import WatchedCase

CHAT = "/v1/chat/completions"
BODY = (b'{ "model":"m", "temperature":0.50,\n "messages":[{"role":"system","content":"s"},'
        b'{"role":"user", "content":"wats \\u0061 \\"gnu\\"?"}] }')


def chat_reply(text, finish="stop", usage=(11, 5)):
    return json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
                       "choices": [{"index": 0, "finish_reason": finish,
                                    "message": {"role": "assistant", "content": text}}],
                       "usage": {"prompt_tokens": usage[0], "completion_tokens": usage[1],
                                 "total_tokens": sum(usage)}}).encode()


def enhancer(settings=""):
    return ('[processor.enhancer]\ntype = "enhancer"\ntarget_llm = "helper"\nmodel = "small"\n'
            f'system_prompt = "Improve it."\n{settings}\n')


class Enhancer(WatchedCase):
    def setUp(self):
        self.upstream = support.Upstream(
            lambda c, r: support.json_answer(c, chat_reply("An antelope.", usage=(30, 4))))
        self.helper = support.Upstream(
            lambda c, r: support.json_answer(c, chat_reply('What is a "gnu"?\n')))
        self.gateway = None

    def tearDown(self):
        log = self.gateway.read_log()
        code = self.gateway.stop()
        self.upstream.close()
        self.helper.close()
        self.assertEqual(code, 0, log)
        self.assertEqual(self.upstream.errors + self.helper.errors, [])

    def start(self, settings="", provider="openai_compatible", processor=None, more=""):
        llm = (f'[llm.helper]\nprovider = "{provider}"\n'
               f'base_url = "http://127.0.0.1:{self.helper.port}/v1"\n'
               f'token_env = "TEST_HELPER_KEY"\n{more}\n')
        if provider == "simulated":
            llm = f'[llm.helper]\nprovider = "simulated"\n{more}\n'
        config = support.config_for(self.upstream.port, route='processors = ["enhancer"]',
                                    more=llm + (processor or enhancer(settings)))
        self.gateway = support.Gateway(config, {"TEST_HELPER_KEY": "sk-helper"})

    def ask(self, body=BODY, path=CHAT):
        client = self.gateway.client()
        client.post(path, body)
        response = client.read_response()
        client.close()
        return response

    def access_line(self):
        support.wait_until(lambda: "enhancer_model" in self.gateway.read_access(), "not logged")
        return self.gateway.read_access()

    def test_the_query_is_replaced_and_nothing_else(self):
        self.start()
        response = self.ask()
        self.assertEqual(response.status, 200, response.body)
        self.assertEqual(self.upstream.requests[0].body,
                         BODY.replace(b'wats \\u0061 \\"gnu\\"?', b'What is a \\"gnu\\"?\\n'))
        asked = self.helper.requests[0]
        self.assertEqual(asked.line, "POST /v1/chat/completions HTTP/1.1")
        self.assertEqual(asked.field("authorization"), "Bearer sk-helper")
        self.assertEqual(asked.field("x-request-id"), response.field("x-request-id"))
        question = json.loads(asked.body)
        self.assertEqual(question["model"], "small")
        self.assertEqual([m["content"] for m in question["messages"]],
                         ["Improve it.", 'wats a "gnu"?'])

    def test_what_it_costs_is_accounted_for(self):
        self.start()
        self.ask()
        line = self.access_line()
        for word in ("small", "helper"):
            self.assertIn(word, line)
        self.assertRegex(line, r'"?enhancer_prompt_tokens"?[=:]11')
        self.assertRegex(line, r'"?enhancer_completion_tokens"?[=:]5')
        self.assertRegex(line, r'"?prompt_tokens"?[=:]30')
        self.assertEqual(self.gateway.metric('sluice_tokens_total.*upstream="helper".*"prompt"'),
                         11)

    def test_another_vendor(self):
        def script(connection, request):
            body = json.loads(request.body)
            self.assertEqual(body["system"], "Improve it.")
            self.assertEqual(body["max_tokens"], 77)
            return support.json_answer(connection, json.dumps(
                {"id": "m1", "type": "message", "role": "assistant", "model": "small",
                 "content": [{"type": "text", "text": "Better."}], "stop_reason": "end_turn",
                 "stop_sequence": None,
                 "usage": {"input_tokens": 9, "output_tokens": 2}}).encode())

        self.helper.script = script
        self.start("max_tokens = 77", provider="anthropic")
        self.assertEqual(self.ask().status, 200)
        self.assertIn(b'"content":"Better."', self.upstream.requests[0].body)
        self.assertEqual(self.helper.requests[0].field("x-api-key"), "sk-helper")

    def test_the_simulator(self):
        self.start(provider="simulated",
                   more="simulator = { time_to_first_token_ms = 1, inter_token_time_ms = 0, "
                        "tokens = 4 }")
        self.assertEqual(self.ask().status, 200)
        content = json.loads(self.upstream.requests[0].body)["messages"][1]["content"]
        self.assertTrue(content)
        self.assertNotIn("gnu", content)

    def test_the_published_form(self):
        self.start(processor='[processor.enhancer]\ntype = "openai_chat"\n'
                             'config_value = "small"\nadditional_config = {\n'
                             '    target_llm = "helper",  # the one that is asked\n'
                             '    system_prompt = "Improve it.",\n}\n')
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(json.loads(self.helper.requests[0].body)["model"], "small")

    def assert_original_goes_on(self):
        response = self.ask()
        self.assertEqual(response.status, 200, response.body)
        self.assertEqual(self.upstream.requests[-1].body, BODY)
        support.wait_until(
            lambda: "a processor failed and was skipped" in self.gateway.read_log(), "not logged")

    def test_a_slow_one_is_not_waited_for(self):
        self.helper.script = lambda c, r: bool(c.wait_for_end()) and False
        self.start("timeout_ms = 200")
        began = time.monotonic()
        self.assert_original_goes_on()
        self.assertLess(time.monotonic() - began, support.PATIENCE_S / 3)
        support.wait_until(lambda: self.helper.open == 0, "it is still being asked")

    def test_one_that_fails(self):
        self.start()
        for script in (lambda c, r: support.json_answer(c, b"{}", "500 Oops"),
                       lambda c, r: support.json_answer(c, b"nonsense"),
                       lambda c, r: support.json_answer(c, chat_reply("")),
                       lambda c, r: support.json_answer(c, chat_reply("cut of", "length")),
                       lambda c, r: False):
            self.helper.script = script
            self.assert_original_goes_on()

    def test_one_that_is_not_there(self):
        self.helper.close()
        self.start()
        self.assert_original_goes_on()

    def test_an_answer_that_is_too_large(self):
        self.helper.script = lambda c, r: support.json_answer(c, chat_reply("x" * 5000))
        self.start("answer_bytes_max = 4096")
        self.assert_original_goes_on()

    def test_failing_can_be_asked_for(self):
        self.helper.script = lambda c, r: support.json_answer(c, b"{}", "500 Oops")
        self.start('on_failure = "fail"')
        response = self.ask()
        self.assertEqual(response.status, 502, response.body)
        self.assertEqual(json.loads(response.body)["error"]["code"], "processor_failed")
        self.assertEqual(self.upstream.requests, [])

    def test_a_client_that_leaves_ends_it(self):
        began = threading.Event()

        def script(connection, _):
            began.set()
            connection.wait_for_end()
            return False

        self.helper.script = script
        self.start()
        client = self.gateway.client()
        client.post(CHAT, BODY)
        self.assertTrue(began.wait(support.PATIENCE_S))
        client.reset()
        support.wait_until(lambda: self.helper.open == 0, "it is still being asked")
        self.assertEqual(self.upstream.requests, [])

    def test_what_is_no_query_is_left_alone(self):
        self.start()
        body = b'{"model":"m","input":["x"]}'
        self.assertEqual(self.ask(body, "/v1/embeddings").status, 200)
        self.assertEqual(self.upstream.requests[0].body, body)
        self.assertEqual(self.helper.requests, [])


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
