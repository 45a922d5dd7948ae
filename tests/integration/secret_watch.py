"""What the gateway prints must hold no secret that a test has used.

Secrets are learned where they pass: from the environment of a gateway, from requests of clients,
and from requests that an upstream receives; tests register the others. What a gateway has printed
(log, standard error, access log, metrics) is captured when it stops. At the end of every class of
tests all of it is searched for all of them. A failure says where, and no more of the secret than
its beginning.
"""

import os
import re
import unittest

# Shorter ones would be found by chance.
SECRET_BYTES_MIN = 8
SHOWN_BYTES = 6
# Variables of these names that say where a secret is, or whose it is, hold none.
SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")
PLACE_NAME = re.compile(r"_(?:FILE|URL|URI|ID|ENV)$")
SECRET_FIELD = re.compile(
    rb"^(?:(?:proxy-)?authorization: *(?:bearer +|basic +)?|x-api-key: *|api-key: *|"
    rb"x-goog-api-key: *|x-amz-security-token: *|x-aws-ec2-metadata-token: *)(\S+)\r?$",
    re.IGNORECASE | re.MULTILINE)
# Heads are found in what is sent within this many bytes.
HEAD_BYTES_MAX = 16384


class SecretWatch:
    def __init__(self):
        self.secrets = set()
        self.captured = []

    def register(self, *secrets):
        for secret in secrets:
            data = secret if isinstance(secret, bytes) else secret.encode()
            if len(data) >= SECRET_BYTES_MIN:
                self.secrets.add(data)

    def learn_from_environment(self, environ):
        for name, value in environ.items():
            if SECRET_NAME.search(name) and not PLACE_NAME.search(name):
                self.register(value)

    def learn_from_wire(self, data):
        """`data` is a head, or begins with one."""
        self.register(*SECRET_FIELD.findall(bytes(data[:HEAD_BYTES_MAX])))

    def capture(self, name, data):
        self.captured.append((name, data if isinstance(data, bytes) else data.encode()))

    def capture_file(self, name, path):
        if os.path.exists(path):
            with open(path, "rb") as file:
                self.capture(f"{name} ({path})", file.read())

    def findings(self):
        """One line each."""
        return sorted({
            f"{name}: a secret that begins with {secret[:SHOWN_BYTES].decode('latin-1')!r} at byte "
            f"{data.find(secret)}"
            for name, data in self.captured for secret in self.secrets if secret in data})

    def check(self):
        found = self.findings()
        self.captured.clear()
        if found:
            raise AssertionError("secrets were printed:\n" + "\n".join(found))


WATCH = SecretWatch()


class WatchedCase(unittest.TestCase):
    """A class of tests whose gateways must have printed no secret."""

    def __init_subclass__(cls, *args, **kwargs):
        super().__init_subclass__(*args, **kwargs)
        cls.addClassCleanup(WATCH.check)
