"""Runs node's tests of a vendor's client against the gateway: installs what package-lock.json says
into a folder of its own, starts what stands behind the gateway, and ends it all."""

import os
import shutil
import subprocess
import tempfile

import gateway_support as support
import llm_tools_test
import vector_server

SKIPPED = 77  # Meson's code for a skipped test.
INSTALL_S = 120
RUN_S = 120


def with_packages(scripts, run):
    """run(folder) where the scripts and their packages are installed; its result, or SKIPPED."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("skipped: there is no node or no npm")
        return SKIPPED
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "npm")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", "package-lock.json", *scripts):
            shutil.copy(os.path.join(source, name), folder)
        problem = install(folder)
        if problem:
            print("skipped: npm could not install the clients:", problem)
            return SKIPPED
        return run(folder)


def install(folder):
    """Why it could not be done; empty when it was."""
    try:
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                              cwd=folder, timeout=INSTALL_S, check=False,
                              capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return f"not done within {INSTALL_S} s"
    return done.stderr[-500:] if done.returncode != 0 else ""


def node(folder, script, environment):
    return subprocess.run(["node", "--test", script], cwd=folder, timeout=RUN_S, check=False,
                          env={**os.environ, **environment}).returncode


def config_for(mock_port, vectors_port):
    """Routes /simulated to the simulator, /mock and /relay to llm-mock, the others to the vectors,
    each as its own service."""
    text = ('[server]\nhost = "127.0.0.1"\nport = 0\nshards = 1\n'
            '\n[llm.simulated]\nprovider = "simulated"\nsimulator.inter_token_time_ms = 0\n'
            'simulator.time_to_first_token_ms = 0\n'
            '\n[[route]]\npath_prefix = "/simulated"\ntarget_llm = "simulated"\n')
    for name, provider, port, base in (
            ("mock", "openai_compatible", mock_port, "/v1"),
            ("relay", "openai", mock_port, "/v1"),
            ("openai", "openai", vectors_port, "/v1"),
            ("vllm", "vllm", vectors_port, "/v1"),
            ("anthropic", "anthropic", vectors_port, "/v1"),
            ("gemini", "gemini", vectors_port, "/v1beta"),
            ("ollama", "ollama", vectors_port, "")):
        text += (f'\n[llm.{name}]\nprovider = "{provider}"\ntype = "chat"\n'
                 f'base_url = "http://127.0.0.1:{port}{base}"\ntoken_env = "TEST_UPSTREAM_KEY"\n'
                 f'{support.ONE_ATTEMPT}'
                 f'\n[[route]]\npath_prefix = "/{name}"\ntarget_llm = "{name}"\n')
    return text


def run_behind_gateway(build, script, install_for=None, program=node):
    """The script's tests, with llm-mock and the vectors behind one gateway; another language than
    node's has its own way to install and to run."""
    support.SLUICE = os.path.join(build, "sluice")
    llm_tools_test.BUILD = build

    def run(folder):
        mock = llm_tools_test.Mock()
        vectors = vector_server.VectorServer()
        try:
            return run_before(folder, script, program, mock, vectors)
        finally:
            vectors.close()
            mock.stop()

    return (install_for or with_packages)((script,), run)


def run_before(folder, script, program, mock, vectors):
    gateway = support.Gateway(config_for(mock.port, vectors.port))
    code = 1
    try:
        code = program(folder, script, {
            "GATEWAY_URL": f"http://127.0.0.1:{gateway.port}",
            "MOCK_URL": f"http://127.0.0.1:{mock.port}",
            "VECTORS_URL": f"http://127.0.0.1:{vectors.port}", "TEST_UPSTREAM_KEY": gateway.KEY})
    finally:
        log = gateway.read_log()
        ended = gateway.stop()
        if code != 0 or ended != 0:
            print(log)
    return code or ended
