#!/usr/bin/env python3
"""Sixteen ways in which a provider fails, and the best that can be made of each.

They are the scripts of a public suite for gateways, run against the real program: target `a` plays
the fault, `b` is well, and a few have a `c`. Of every script it is checked what the client gets,
how often each target is asked, and that the ledger has each exchange once, with the tokens of the
target whose answer it was. `gateway_pool_test.py` looks at the parts one by one.
"""

import dataclasses
import email.utils
import json
import os
import sqlite3
import sys
import tempfile
import time
import unittest
from typing import Any

import gateway_support as support
from gateway_pool_test import BODY, BROKEN, STREAM, PoolCase, cut_after, is_silent, refuses, resets
from gateway_support import DONE, STREAM_HEAD, chunk, event
from secret_watch import WatchedCase

# What each target counts for an answer.
TOKENS = {"a": (3, 2), "b": (30, 20), "c": (300, 200)}


def usage_of(name):
    prompt, completion = TOKENS[name]
    return {"prompt_tokens": prompt, "completion_tokens": completion,
            "total_tokens": prompt + completion}


def delta(text, **more):
    return event(json.dumps({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
        **more}).encode())


def serves(name):
    """An answer of this target, either way, as it is asked."""
    def script(connection, request):
        if b'"stream":true' in request.body:
            connection.send(STREAM_HEAD + chunk(delta("from ")) + chunk(
                delta(name, usage=usage_of(name))) + chunk(DONE) + b"0\r\n\r\n")
            return True
        return support.json_answer(connection, json.dumps({
            "id": "c", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": f"from {name}"},
                         "finish_reason": "stop"}], "usage": usage_of(name)}).encode())
    return script


def throttled(*fields):
    return refuses("429 Slow Down", "rate_limit_error", "".join(f"{f}\r\n" for f in fields))


def waits_after(*pieces):
    """Sends a stream's head and these, and then nothing, as long as anybody waits."""
    def script(connection, request):
        connection.send(STREAM_HEAD + b"".join(pieces))
        connection.wait_for_end()
        return False
    return script


def refuses_prefill(connection, request):
    """Goes on with nobody else's answer."""
    if json.loads(request.body)["messages"][-1]["role"] == "assistant":
        return refuses("400 Bad Request", "invalid_request_error", "", None,
                       "This model does not support assistant message prefill")(connection, request)
    return serves("b")(connection, request)


def date_in(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


HALF = chunk(delta("half"))
TOO_LONG = refuses("400 Bad Request", "invalid_request_error", "", "context_length_exceeded",
                   "This model's maximum context length is 10 tokens")
FILTERED = refuses("400 Bad Request", "invalid_request_error", "", "content_filter",
                   "The response was filtered")


@dataclasses.dataclass
class Script:
    """What `a` does, and what must come of it."""

    a: Any
    # Whose answer the client gets, whole; None: the error event of `told` after what was there.
    by: str = "b"
    told: bytes = b""
    # Before an answer that was begun anew.
    part: str = ""
    # Requests, one after the other, and how many of them reach a, b and c.
    asks: int = 1
    asked: tuple = (1, 1)
    b: Any = dataclasses.field(default_factory=lambda: serves("b"))
    c: Any = None
    pool: str = ""
    bodies: tuple = (BODY, STREAM)
    # Connections that `a` still has when all is over.
    a_open: int = 1


STREAMED = {"bodies": (STREAM,)}
WHOLE = {"bodies": (BODY,)}
SCRIPTS = {
    "429 with Retry-After": Script(throttled("Retry-After: 60"), asks=3, asked=(1, 3)),
    "429 with Retry-After, a date": Script(
        lambda c, r: throttled(f"Retry-After: {date_in(60)}")(c, r), asks=3, asked=(1, 3), **WHOLE),
    "429 with Retry-After in milliseconds": Script(throttled("Retry-After-Ms: 60000"), asks=3,
                                                   asked=(1, 3), **WHOLE),
    "429 that lasts": Script(throttled("Retry-After: 30"), asks=10, asked=(1, 10), **STREAMED),
    "one 500": Script([BROKEN, serves("a")]),
    "503": Script(refuses("503 Service Unavailable"), **WHOLE),
    "reset": Script(resets),
    "silence": Script(is_silent, a_open=0, **STREAMED),
    "first token after 20 s": Script(waits_after(chunk(b": ping\n\n")), a_open=0, **STREAMED),
    "cut stream": Script(cut_after(HALF), by=None, told=b"stream_truncated", asked=(1, 0),
                         **STREAMED),
    "cut stream, begun anew": Script(cut_after(HALF), part="half", **STREAMED,
                                     pool='fail_over.mid_stream = "restart"\n'),
    "stall of 30 s": Script(waits_after(HALF), by=None, told=b"upstream_timeout", asked=(1, 0),
                            a_open=0, **STREAMED),
    "bad chunk": Script(cut_after(HALF, b"zz;\r\n"), by=None, told=b"upstream_invalid_response",
                        asked=(1, 0), **STREAMED),
    "no terminator": Script(cut_after(HALF, b"0\r\n\r\n"), by=None, told=b"stream_truncated",
                            asked=(1, 0), **STREAMED),
    "context length refused": Script(TOO_LONG, by="c", c=serves("c"), asked=(1, 0, 1),
                                     pool='context_fallbacks = ["c"]\n', **WHOLE),
    "content filter": Script(FILTERED, by="c", c=serves("c"), asked=(1, 0, 1),
                             pool='content_fallbacks = ["c"]\n', **STREAMED),
    "fallback target refuses prefill": Script(cut_after(HALF), b=refuses_prefill, part="half",
                                              pool='fail_over.mid_stream = "restart"\n',
                                              **STREAMED),
}


class FaultScripts(PoolCase, WatchedCase):
    def begin(self, script):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.ledger = os.path.join(folder.name, "usage.db")
        self.start(script.a, script.b, script.c,
                   more=f'[ledger]\npath = "{self.ledger}"\nbatch_interval_ms = 10\n',
                   pool=f'targets = ["a", "b"]\nstrategy = "priority"\n{script.pool}')

    def rows(self, count):
        """Of the ledger, when there are so many."""
        found = []

        def written():
            with sqlite3.connect(self.ledger) as database:
                database.row_factory = sqlite3.Row
                found[:] = database.execute("SELECT * FROM sluice_usage").fetchall()
            return len(found) >= count
        support.wait_until(written, f"not {count} rows")
        self.assertEqual(len(found), count)
        return found

    def parts_of(self, response):
        """The texts of a stream, with None where it was begun anew; and its error event, if any."""
        texts, error = [], None
        events = [e for e in response.body.split(b"\n\n") if e and not e.startswith(b":")]
        for one in events:
            if one == b"data: [DONE]":
                continue
            said = json.loads(one.removeprefix(b"data: "))
            if "error" in said:
                error = said["error"]
            elif said.get("sluice") == {"restarted": True}:
                texts.append(None)
            else:
                texts.append(said["choices"][0]["delta"]["content"])
        self.assertEqual(events[-1] == b"data: [DONE]", error is None)
        return texts, error

    def expect_answer(self, script, response, body):
        self.assertEqual(response.status, 200, response.body)
        self.assertTrue(response.complete, response.body)
        wanted = ["from ", script.by]
        if body is BODY:
            self.assertEqual(self.text_of(response), "".join(wanted))
            return
        texts, error = self.parts_of(response)
        self.assertIsNone(error)
        self.assertEqual(texts, [script.part, None, *wanted] if script.part else wanted)

    def expect_error_event(self, script, response):
        self.assertEqual(response.status, 200, response.body)
        self.assertFalse(response.complete)
        texts, error = self.parts_of(response)
        self.assertEqual(texts, ["half"])
        self.assertEqual(error["code"].encode(), script.told)

    def expect_accounts(self, script, body):
        """Each exchange once, in ledger, metrics and log, with what the last target told."""
        rows = self.rows(script.asks)
        rows_of_answers = [r for r in rows if r["ending"] == "ok"]
        prompt, completion = TOKENS[script.by] if script.by else (0, 0)
        for row in rows:
            self.assertEqual(row["is_stream"], int(body is STREAM))
        for row in rows_of_answers:
            self.assertEqual((row["input_tokens"], row["output_tokens"]), (prompt, completion))
        self.assertEqual(len(rows_of_answers), script.asks if script.by else 0)
        self.assertEqual(sum(r["attempts"] for r in rows), sum(script.asked))
        support.wait_until(lambda: self.gateway.read_access().count("\n") >= script.asks, "no log")
        self.assertEqual(self.gateway.read_access().count("\n"), script.asks)
        self.assertEqual(self.gateway.metric(r"^sluice_requests_total"), script.asks)
        if script.by and not script.part:
            self.assertEqual(self.gateway.metric(r'^sluice_tokens_total.*"prompt"'),
                             prompt * script.asks)

    def play(self, script, body):
        self.begin(script)
        for _ in range(script.asks):
            response = self.ask(body)
            if script.by:
                self.expect_answer(script, response, body)
            else:
                self.expect_error_event(script, response)
        seen = tuple(self.seen(name) for name in sorted(self.peers))
        self.assertEqual(seen, script.asked)
        for peer in self.peers.values():
            for request in peer.requests:
                self.assertEqual(request.body, body)  # Nothing of an answer is in any.
        # Nobody is still talking to whoever was given up.
        support.wait_until(lambda: self.peers["a"].open <= script.a_open and
                           all(p.open <= 1 for p in self.peers.values()), "still open")
        self.expect_accounts(script, body)


    def test_60_s_of_flapping(self):
        """Scaled: it breaks down again and again, each time until after its breaker has opened."""
        phases = ([BROKEN] * 6 + [serves("a")] * 6) * 10
        self.begin(Script(phases, pool="breaker = { open_ms = 20, open_ms_max = 20 }\n"))
        texts = []

        def ask_once():
            is_whole = len(texts) % 2 == 0
            response = self.ask(BODY if is_whole else STREAM)
            self.assertEqual(response.status, 200, response.body)
            texts.append(self.text_of(response) if is_whole else
                         "".join(self.parts_of(response)[0]))
            return texts[-1] == "from a"
        for _ in range(120):
            ask_once()
        support.wait_until(ask_once, "its breaker does not close any more")
        counts = {name: texts.count(f"from {name}") for name in "ab"}
        self.assertEqual(sum(counts.values()), len(texts))
        self.assertGreater(counts["b"], 0)
        rows = self.rows(len(texts))
        for column, which in (("input_tokens", 0), ("output_tokens", 1)):
            self.assertEqual(sum(r[column] for r in rows),
                             sum(counts[n] * TOKENS[n][which] for n in counts))
        self.assertEqual({r["ending"] for r in rows}, {"ok"})
        self.assertEqual(sum(r["attempts"] for r in rows), self.seen("a") + self.seen("b"))


def test_of(script, body):
    return lambda case: case.play(script, body)


for script_name, one_script in SCRIPTS.items():
    for one_body in one_script.bodies:
        kind = "streamed" if one_body is STREAM else "whole"
        setattr(FaultScripts, f"test {script_name} ({kind})",
                test_of(one_script, one_body))


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
