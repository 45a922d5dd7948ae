#!/usr/bin/env python3
"""Streams that break off inside and are gone on with by another target.

The real program against scripted upstreams. Target `a` comes first and breaks in one way or
another; what is checked is what `b` is asked, and that the client sees one answer.
"""

import json
import os
import sys
import unittest

import gateway_support as support
from gateway_pool_test import PoolCase, cut_after, is_silent, refuses
from gateway_support import DONE, STREAM_HEAD, chunk, event
from pool_support import delta


def asking(**members):
    return json.dumps({"model": "m", "stream": True,
                       "messages": [{"role": "user", "content": "hi"}], **members}).encode()


def usage(prompt, completion, cached=None):
    told = {"prompt_tokens": prompt, "completion_tokens": completion,
            "total_tokens": prompt + completion}
    if cached is not None:
        told["prompt_tokens_details"] = {"cached_tokens": cached}
    return event(json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1,
                             "model": "m", "choices": [], "usage": told}).encode())


def role(id_="c"):
    return event(json.dumps({
        "id": id_, "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""},
                     "finish_reason": None}]}).encode())


def tells(*texts, end=b"", id_="c"):
    """A whole stream of these texts."""
    def script(connection, request):
        connection.send(STREAM_HEAD + chunk(role(id_))
                        + b"".join(chunk(delta(text)) for text in texts)
                        + chunk(delta("", "stop")) + (chunk(end) if end else b"")
                        + chunk(DONE) + b"0\r\n\r\n")
        return True
    return script


def begins(*texts):
    """A stream that is cut behind these texts."""
    return cut_after(chunk(role()), *(chunk(delta(text)) for text in texts))


class Continues(PoolCase):
    POOL = ('targets = ["a", "b"]\nstrategy = "priority"\nfail_over.mid_stream = "continue"\n'
            'health.check = "none"\n')  # Each request that a target sees is one of the test's.

    def begin(self, a, b, c=None, provider="vllm", pool=None):
        self.start(a, b, c, pool=pool or self.POOL, providers=dict.fromkeys("abc", provider))

    def one_answer(self, response):
        """The texts of a stream that must look like one answer of one model."""
        self.assertEqual(response.status, 200, response.body)
        self.assertTrue(response.complete)
        events = [e.removeprefix(b"data: ") for e in response.body.split(b"\n\n") if e]
        self.assertEqual(events[-1], b"[DONE]")
        chunks = [json.loads(e) for e in events[:-1]]
        self.assertEqual(len({c["id"] for c in chunks}), 1)
        choices = [c["choices"][0] for c in chunks if c["choices"]]
        self.assertEqual(len([c for c in choices if "role" in c["delta"]]), 1, choices)
        self.assertEqual([c["finish_reason"] for c in choices if c["finish_reason"]], ["stop"])
        self.usage = next((c["usage"] for c in chunks if c.get("usage")), None)
        return "".join(c["delta"].get("content") or "" for c in choices)

    def sent(self, name, index=0):
        return json.loads(self.peers[name].requests[index].body)

    def broke_off(self, response):
        self.assertEqual(response.status, 200)
        self.assertFalse(response.complete)
        self.assertIn(b'"error"', response.body)
        self.assertNotIn(b"[DONE]", response.body)

    def test_another_one_goes_on_where_it_broke_off(self):
        self.begin(begins("Once üpon", " a"), tells(" time", ".", end=usage(13, 3, 12)))
        response = self.ask(asking(max_tokens=9, stream_options={"include_usage": True}))
        self.assertEqual(self.one_answer(response), "Once üpon a time.")
        sent = self.sent("b")
        self.assertEqual(sent["messages"], [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "Once üpon a"}])
        self.assertIs(sent["continue_final_message"], True)
        self.assertIs(sent["add_generation_prompt"], False)
        self.assertEqual(sent["max_tokens"], 7)
        self.assertNotIn("continue_final_message", self.sent("a"))
        # As one target would have counted it.
        self.assertEqual((self.usage["prompt_tokens"], self.usage["completion_tokens"],
                          self.usage["total_tokens"]), (11, 5, 16))
        self.assertEqual(self.usage["prompt_tokens_details"]["cached_tokens"], 11)
        self.log("attempts=2 retry_reason=continuation")
        self.log("part_upstream=a")

    def test_one_that_is_not_broken_is_as_it_was(self):
        self.begin(tells("all", " of it"), tells("never"))
        self.assertEqual(self.one_answer(self.ask(asking())), "all of it")
        self.assertEqual(self.seen("b"), 0)

    def test_silence_and_errors_of_the_target_itself_count_too(self):
        def is_silent_inside(connection, request):
            connection.send(STREAM_HEAD + chunk(delta("half")))
            return is_silent(connection, request)
        failed = cut_after(chunk(delta("half")), chunk(event(
            b'{"error":{"message":"out of memory","type":"server_error","code":500}}')))
        ends_early = cut_after(chunk(delta("half")), b"0\r\n\r\n")
        self.begin([is_silent_inside, failed, ends_early], tells(" and half"))
        for _ in range(3):
            self.assertEqual(self.one_answer(self.ask(asking())), "half and half")
        self.assertEqual((self.seen("a"), self.seen("b")), (3, 3))

    def test_whoever_goes_on_may_break_off_as_well(self):
        self.begin(begins("one", " two"), begins(" three"), tells(" four"),
                   pool=self.POOL.replace('"b"]', '"b", "c"]'))
        self.assertEqual(self.one_answer(self.ask(asking())), "one two three four")
        self.assertEqual(self.sent("b")["messages"][-1]["content"], "one two")
        self.assertEqual(self.sent("c")["messages"][-1]["content"], "one two three")

    def test_one_that_refuses_to_begin_with_it_is_passed_over(self):
        self.begin(begins("half"), refuses("400 Bad Request", "invalid_request_error"),
                   tells(" done"), pool=self.POOL.replace('"b"]', '"b", "c"]'))
        self.assertEqual(self.one_answer(self.ask(asking())), "half done")
        self.assertEqual((self.seen("a"), self.seen("b"), self.seen("c")), (1, 1, 1))

    def test_when_nobody_is_left_the_client_is_told_once(self):
        self.begin(begins("one"), begins(" two"))
        response = self.ask(asking())
        self.broke_off(response)
        self.assertEqual(response.body.count(b'"error"'), 1)
        self.assertIn(b"stream_truncated", response.body)
        self.assertIn(b" two", response.body)

    def test_when_the_time_is_over_the_client_is_told_once(self):
        self.LLM = PoolCase.LLM.replace("connect_ms = 400", "connect_ms = 400, total_ms = 1200")
        self.LLM = self.LLM.replace("400, silence_ms = 400", "9000, silence_ms = 9000")

        def begins_only(connection, request):
            connection.send(STREAM_HEAD + chunk(role()))
            return is_silent(connection, request)
        self.begin(begins("one"), begins_only)
        response = self.ask(asking())
        self.broke_off(response)
        self.assertEqual(response.body.count(b'"error"'), 1, response.body)

    def test_a_second_target_that_was_quicker_is_gone_on_with_as_well(self):
        def head_only(connection, request):
            connection.send(STREAM_HEAD)
            return is_silent(connection, request)
        self.LLM = PoolCase.LLM.replace("first_byte_ms = 400, silence_ms = 400",
                                        "first_byte_ms = 9000, silence_ms = 9000")
        self.begin(head_only, begins("half"), tells(" done"),
                   pool=self.POOL.replace('"b"]', '"b", "c"]') +
                   'hedge = { enabled = true, percentile = 0, delay_ms_min = 50, '
                   'budget_percent = 100 }\n')
        self.assertEqual(self.one_answer(self.ask(asking())), "half done")
        self.assertEqual((self.seen("a"), self.seen("b"), self.seen("c")), (1, 1, 1))

    def test_space_at_the_seam_is_there_once(self):
        self.begin(begins("a list:", "\n\n"), tells("\n\n", "- one"))
        self.assertEqual(self.one_answer(self.ask(asking())), "a list:\n\n- one")
        self.assertEqual(self.sent("b")["messages"][-1]["content"], "a list:")

    def test_a_backslash_is_no_space(self):
        self.begin(begins("C:\\n"), tells("ew"))
        self.assertEqual(self.one_answer(self.ask(asking())), "C:\\new")
        self.assertEqual(self.sent("b")["messages"][-1]["content"], "C:\\n")

    def test_what_is_no_plain_text_is_not_gone_on_with(self):
        call = event(json.dumps({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": None, "delta": {"tool_calls": [
                {"index": 0, "id": "call_1", "type": "function",
                 "function": {"name": "f", "arguments": "{\"a\":"}}]}}]}).encode())
        thought = event(json.dumps({
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "finish_reason": None,
                         "delta": {"reasoning": "hm"}}]}).encode())
        self.begin([cut_after(chunk(call)), cut_after(chunk(thought))], tells("never"))
        for _ in range(2):
            self.broke_off(self.ask(asking()))
        self.assertEqual((self.seen("a"), self.seen("b")), (2, 0))

    def test_nor_is_what_has_a_form(self):
        self.begin(begins("half"), tells("never"))
        for members in ({"response_format": {"type": "json_object"}}, {"n": 2},
                        {"logprobs": True}, {"guided_regex": "[a-z]+"}):
            self.broke_off(self.ask(asking(**members)))
        self.assertEqual(self.seen("b"), 0)

    def test_only_by_who_can(self):
        self.start(begins("half"), tells("never"), tells(" done"),
                   pool=self.POOL.replace('"b"]', '"b", "c"]'),
                   providers={"a": "openai", "b": "openai", "c": "vllm"})
        self.assertEqual(self.one_answer(self.ask(asking())), "half done")
        self.assertEqual(self.seen("b"), 0)

    def test_a_provider_that_wants_it_marked(self):
        self.begin(begins("half"), tells(" done"), provider="mistral")
        self.assertEqual(self.one_answer(self.ask(asking())), "half done")
        self.assertEqual(self.sent("b")["messages"][-1],
                         {"role": "assistant", "content": "half", "prefix": True})
        self.assertNotIn("continue_final_message", self.sent("b"))

    def test_clients_of_anthropic_see_one_message(self):
        self.begin(begins("Once", " upon"), tells(" a time", end=usage(12, 3)))
        response = self.ask(json.dumps({
            "model": "m", "max_tokens": 50, "stream": True,
            "messages": [{"role": "user", "content": "hi"}]}).encode(), path="/v1/messages")
        self.assertTrue(response.complete, response.body)
        kinds = [line.removeprefix(b"event: ") for line in response.body.split(b"\n")
                 if line.startswith(b"event: ") and b"ping" not in line]
        self.assertEqual(kinds, [
            b"message_start", b"content_block_start", *[b"content_block_delta"] * 3,
            b"content_block_stop", b"message_delta", b"message_stop"])
        self.assertEqual(self.sent("b")["max_tokens"], 48)


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
