"""The vendors' Python clients (PyPI) against the gateway; skipped where they cannot be had."""

import os
import shutil
import subprocess
import sys
import tempfile

import npm_support

INSTALL_S = 120
RUN_S = 120
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pypi")
SCRIPT = "clients.py"


def with_packages(scripts, run):
    """run(folder) where the scripts stand beside an environment with the clients, or SKIPPED."""
    with tempfile.TemporaryDirectory() as folder:
        for name in scripts:
            shutil.copy(os.path.join(FOLDER, name), folder)
        problem = install(folder)
        if problem:
            print("skipped: the Python clients could not be installed:", problem)
            return npm_support.SKIPPED
        return run(folder)


def install(folder):
    """Why it could not be done; empty when it was."""
    steps = ([sys.executable, "-m", "venv", os.path.join(folder, "venv")],
             [python_of(folder), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
              "--retries", "1", "--requirement", os.path.join(FOLDER, "requirements.txt")])
    try:
        for step in steps:
            done = subprocess.run(step, timeout=INSTALL_S, check=False, capture_output=True,
                                  text=True)
            if done.returncode != 0:
                return (done.stdout + done.stderr)[-500:]
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return ""


def python_of(folder):
    return os.path.join(folder, "venv", "bin", "python")


def run_python(folder, script, environment):
    return subprocess.run([python_of(folder), script], cwd=folder, timeout=RUN_S, check=False,
                          env={**os.environ, **environment}).returncode


if __name__ == "__main__":
    sys.exit(npm_support.run_behind_gateway(sys.argv[1], SCRIPT, with_packages, run_python))
