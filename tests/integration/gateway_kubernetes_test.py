#!/usr/bin/env python3
"""Members of a pool by the EndpointSlices of a service, against an API server that is none.

It lists and streams events as the API of Kubernetes does: resource versions, bookmarks, watches
that end, break and expire, tokens that change. The gateway is the real program.
"""

import http.server
import json
import os
import queue
import ssl
import sys
import tempfile
import threading
import unittest
import urllib.parse

import gateway_dns_test as dns
import gateway_support as support
from gateway_members_test import MembersCase
from secret_watch import WATCH
from tls_support import Authority

TOKEN = "k8s-token-of-a-test-4711"
PATH = "/apis/discovery.k8s.io/v1/namespaces/fleet/endpointslices"


class ApiServer:
    """Holds slices by name; each change is an event for the watches that run."""

    def __init__(self):
        self.lock = threading.Lock()
        self.slices = {}
        self.version = 100
        self.watches = []
        self.requests = []
        self.tokens = {TOKEN}
        self.lists = 0
        self.refuse = None  # A status for every request.
        api = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                api.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        token = handler.headers.get("authorization", "").removeprefix("Bearer ")
        with self.lock:
            self.requests.append((url.path, query, token))
        if self.refuse is not None or token not in self.tokens:
            return self.reply(handler, self.refuse or 401, {"kind": "Status"})
        if query.get("watch") == "1":
            return self.watch(handler, query)
        with self.lock:
            self.lists += 1
            body = {"kind": "EndpointSliceList", "items": list(self.slices.values()),
                    "metadata": {"resourceVersion": str(self.version)}}
        return self.reply(handler, 200, body)

    @staticmethod
    def reply(handler, status, body):
        data = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def watch(self, handler, query):
        events = queue.Queue()
        with self.lock:
            if int(query["resourceVersion"]) < self.version:
                # Changes since then are not kept here.
                events.put(self.error(410))
            self.watches.append(events)
        handler.send_response(200)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        try:
            while (event := events.get()) is not None:
                if event == "cut":
                    handler.close_connection = True
                    return
                several = event if isinstance(event, list) else [event]
                line = b"".join(json.dumps(one).encode() + b"\n" for one in several)
                for part in (line[:7], line[7:]):  # Events come in any pieces.
                    handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                    handler.wfile.flush()
            handler.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass

    @staticmethod
    def error(code):
        return {"type": "ERROR", "object": {"kind": "Status", "code": code}}

    def send(self, event):
        """To every watch."""
        with self.lock:
            watches = list(self.watches)
            if event in (None, "cut"):
                self.watches.clear()
        for events in watches:
            events.put(event)

    def put(self, name, endpoints, port=None, tell=True):
        with self.lock:
            self.version += 1
            kind = "MODIFIED" if name in self.slices else "ADDED"
            self.slices[name] = {
                "metadata": {"name": name, "resourceVersion": str(self.version)},
                "addressType": "IPv4", "ports": [{"name": "other", "port": 1},
                                                 {"name": "http", "port": port}],
                "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": ready},
                               "targetRef": {"kind": "Pod", "uid": uid}}
                              for uid, ready in endpoints]}
            event = {"type": kind, "object": self.slices[name]}
        if tell:
            self.send(event)

    def remove(self, name):
        with self.lock:
            self.version += 1
            gone = self.slices.pop(name)
            gone["metadata"]["resourceVersion"] = str(self.version)
        self.send({"type": "DELETED", "object": gone})

    def watching(self):
        with self.lock:
            return len(self.watches)

    def close(self):
        self.send(None)
        self.server.shutdown()
        self.server.server_close()


class Kubernetes(MembersCase):
    def begin(self, url=None, more="", prefix=()):
        WATCH.learn_from_environment({"TEST_K8S_TOKEN": TOKEN})
        if url is None:
            self.api = ApiServer()
            self.addCleanup(self.api.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.token_path = os.path.join(folder.name, "token")
        self.write_token(TOKEN)
        self.start('strategy = "round_robin"\n'
                   'discovery = { type = "kubernetes", llm = "engine", name = "llm", '
                   f'namespace = "fleet", port_name = "http", api_url = "{url or self.api.url}", '
                   f'token_file = "{self.token_path}", '
                   f'refresh_ms_min = 100, refresh_ms_max = 5000{more} }}\n', prefix=prefix)

    def write_token(self, token):
        with open(self.token_path + ".new", "w", encoding="ascii") as file:
            file.write(token + "\n")
        os.replace(self.token_path + ".new", self.token_path)

    def put(self, name, endpoints=None, tell=True):
        self.api.put(f"llm-{name}", [(f"pod-{name}", True)] if endpoints is None else endpoints,
                     self.peers[name].port, tell)

    def wait_for_watch(self):
        support.wait_until(lambda: self.api.watching() > 0, "nobody watches")

    def test_a_service_is_listed_and_followed(self):
        self.begin()
        self.wait_for_watch()
        self.assertEqual(self.ask().status, 503)
        self.put("a")
        self.wait_for_targets("a")
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.put("b")
        self.wait_for_targets("a", "b")
        self.put("a", [("pod-a", False)])
        self.wait_for_targets("b")
        self.api.remove("llm-b")
        self.wait_for_targets()
        self.assertEqual(self.api.lists, 1)
        path, query, _ = self.api.requests[0]
        self.assertEqual(path, PATH)
        self.assertEqual(query["labelSelector"], "kubernetes.io/service-name=llm")
        watch = self.api.requests[1][1]
        self.assertEqual(watch["allowWatchBookmarks"], "true")
        self.assertEqual(watch["resourceVersion"], "100")

    def test_a_watch_that_ends_or_breaks_goes_on_where_it_was(self):
        self.begin()
        self.wait_for_watch()
        self.put("a")
        self.wait_for_targets("a")
        self.api.version = 500
        self.api.send({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "500"}}})
        for how in (None, "cut"):
            self.api.send(how)
            self.wait_for_watch()
            self.assertEqual(self.api.requests[-1][1]["resourceVersion"], "500")
        self.put("b")
        self.wait_for_targets("a", "b")
        self.assertEqual(self.api.lists, 1)

    def test_one_that_is_too_old_begins_anew(self):
        self.begin()
        self.wait_for_watch()
        self.put("a")
        self.wait_for_targets("a")
        self.put("b", tell=False)  # Missed.
        self.api.send(self.api.error(410))
        self.wait_for_targets("a", "b")
        self.assertGreaterEqual(self.api.lists, 2)

    def test_what_comes_before_an_event_that_is_none_is_not_lost(self):
        self.begin()
        self.wait_for_watch()
        self.put("a", tell=False)
        with self.api.lock:
            known = {"type": "ADDED", "object": self.api.slices["llm-a"]}
            self.api.watches, watches = [], self.api.watches
        for events in watches:
            events.put([known, self.api.error(500)])
        self.wait_for_targets("a")
        self.assertGreaterEqual(self.api.lists, 2)

    def test_while_the_api_is_away_who_was_there_stays(self):
        self.begin()
        self.wait_for_watch()
        self.put("a")
        self.wait_for_targets("a")
        self.api.refuse = 503
        self.api.send("cut")
        asked = len(self.api.requests)
        support.wait_until(lambda: len(self.api.requests) > asked + 1, "it is not asked again")
        self.assertEqual(self.text_of(self.ask()), "from a")
        self.put("b", tell=False)
        self.api.refuse = None
        self.wait_for_targets("a", "b")

    def test_a_token_that_is_replaced_is_read_again(self):
        self.begin()
        self.wait_for_watch()
        self.put("a")
        self.wait_for_targets("a")
        self.api.tokens = {TOKEN + "-2"}
        self.api.send(None)
        support.wait_until(lambda: "cannot be asked" in self.gateway.read_log(), "no log")
        self.write_token(TOKEN + "-2")
        self.wait_for_watch()
        self.assertEqual(self.api.requests[-1][2], TOKEN + "-2")
        self.assertNotIn(TOKEN, self.gateway.read_log())

    def test_another_pod_with_the_address_is_another_target(self):
        self.begin()
        self.wait_for_watch()
        self.put("a")
        self.wait_for_targets("a")
        for _ in range(3):
            self.assertEqual(self.text_of(self.ask()), "from a")
        self.assertEqual(self.targets()[self.member("a")]["totals"]["selected"], 3)
        self.put("a", [("pod-a", False), ("pod-new", True)])
        support.wait_until(lambda: self.targets()[self.member("a")]["totals"]["selected"] == 0,
                           "it is taken for the old one")
        support.wait_until(lambda: self.peers["a"].open == 0, "connections are kept")
        self.assertEqual(self.text_of(self.ask()), "from a")

    @unittest.skipUnless(dns.is_allowed(), "port 53 or mount namespaces are not allowed here")
    def test_the_api_may_have_a_name(self):
        self.api = ApiServer()
        self.addCleanup(self.api.close)
        names = dns.NameServer(lambda asked: (0, 60, ["127.0.0.1"]))
        self.addCleanup(names.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "resolv.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"nameserver {dns.ADDRESS}\n")
        self.begin(self.api.url.replace("127.0.0.1", "api.example"),
                   prefix=("unshare", "--mount", "sh", "-c",
                           f'mount --bind "{path}" /etc/resolv.conf && exec "$@"', "sh"))
        self.wait_for_watch()
        self.put("a")
        self.wait_for_targets("a")

    def test_the_api_shows_a_certificate(self):
        self.api = ApiServer()
        self.addCleanup(self.api.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        authority = Authority(folder.name)
        identity = authority.issue("127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity.certificate, identity.key)
        self.api.server.socket = context.wrap_socket(self.api.server.socket, server_side=True)
        self.begin(self.api.url.replace("http:", "https:"),
                   more=f', ca_file = "{authority.file}"')
        self.wait_for_watch()
        self.put("a")
        self.wait_for_targets("a")


if __name__ == "__main__":
    support.SLUICE = os.path.join(sys.argv.pop(1), "sluice")
    unittest.main(warnings="ignore")
