"""Starts llm-mock and the gateway before it, and runs the official openai client's tests (npm).

Once over plain HTTP and once with TLS on both sides.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import gateway_support as support
from llm_tools_test import Mock
import llm_tools_test
from tls_support import Authority, TlsGateway, client_context, tls_config

SKIPPED = 77  # Meson's code for a skipped test.
INSTALL_S = 300
RUN_S = 120


def main():
    build = sys.argv[1]
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("skipped: there is no node or no npm")
        return SKIPPED
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "npm")
    support.SLUICE = os.path.join(build, "sluice")
    llm_tools_test.BUILD = build
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json", "openai_client_test.mjs"):
            shutil.copy(os.path.join(source, name), folder)
        installed = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                                   cwd=folder, timeout=INSTALL_S, check=False,
                                   capture_output=True, text=True)
        if installed.returncode != 0:
            print("skipped: npm could not install the client:", installed.stderr[-500:])
            return SKIPPED
        return run_plain(folder) or run_tls(folder)


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


def run(folder, gateway, mock, scheme, environment):
    try:
        return subprocess.run(
            ["node", "--test", "openai_client_test.mjs"], cwd=folder, timeout=RUN_S, check=False,
            env={**os.environ, "GATEWAY_URL": f"{scheme}://127.0.0.1:{gateway.port}",
                 "MOCK_URL": f"{scheme}://127.0.0.1:{mock.port}", **environment}).returncode
    finally:
        log = gateway.read_log()
        if gateway.stop() != 0:
            print(log)
        mock.stop()


if __name__ == "__main__":
    sys.exit(main())
