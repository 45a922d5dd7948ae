"""Starts llm-mock and the gateway before it, and runs the official openai client's tests (npm).

Once over plain HTTP, once with TLS on both sides, and once before an upstream that has chat
completions only, so that Responses and legacy completions are translated.
"""

import os
import sys

import gateway_support as support
from llm_tools_test import Mock
import llm_tools_test
import npm_support
from tls_support import Authority, TlsGateway, client_context, tls_config

RELAYED = "openai_client_test.mjs"
TRANSLATED = "openai_translated_test.mjs"


def main():
    build = sys.argv[1]
    support.SLUICE = os.path.join(build, "sluice")
    llm_tools_test.BUILD = build
    return npm_support.with_packages(
        (RELAYED, TRANSLATED),
        lambda folder: run_plain(folder) or run_tls(folder) or run_translated(folder))


def run_plain(folder):
    mock = Mock()
    gateway = support.Gateway(support.config_for(mock.port))
    return run(folder, gateway, mock, "http", {})


def run_tls(folder):
    """TLS to the gateway, and from there to the mock; node trusts our authority besides its own."""
    authority = Authority(folder)
    server = authority.issue("127.0.0.1")
    mock = Mock("--certificate", server.certificate, "--private-key", server.key)
    gateway = TlsGateway(
        tls_config(mock.port, server, scheme="https",
                   llm=f'tls = {{ ca_file = "{authority.file}" }}'), client_context(authority))
    return run(folder, gateway, mock, "https", {"NODE_EXTRA_CA_CERTS": authority.file})


def run_translated(folder):
    mock = Mock()
    lacks = 'lacks = ["responses", "completions"]'
    gateway = support.Gateway(support.config_for(mock.port, llm=lacks))
    return run(folder, gateway, mock, "http", {}, TRANSLATED)


def run(folder, gateway, mock, scheme, environment, script=RELAYED):
    try:
        return npm_support.node(
            folder, script, {"GATEWAY_URL": f"{scheme}://127.0.0.1:{gateway.port}",
                             "MOCK_URL": f"{scheme}://127.0.0.1:{mock.port}", **environment})
    finally:
        log = gateway.read_log()
        if gateway.stop() != 0:
            print(log)
        mock.stop()


if __name__ == "__main__":
    sys.exit(main())
