"""TLS for the integration tests: authorities and certificates made on the spot, peers to talk to.

Certificates come from the openssl command line, on elliptic curves because those keys are quick to
make. An end of a connection without close_notify shows as a reset, so that no test takes a cut
message for a whole one.
"""

import contextlib
import os
import socket
import ssl
import subprocess
import threading

import gateway_support as support
from gateway_support import Client, Gateway, Upstream, config_for


class Identity:
    """A certificate and its key."""

    def __init__(self, certificate, key):
        self.certificate = certificate
        self.key = key

    def toml(self, prefix="certificate_file", key="private_key_file"):
        return f'{prefix} = "{self.certificate}"\n{key} = "{self.key}"\n'

    def key_lines(self):
        """The lines of the private key that must never be seen anywhere."""
        with open(self.key, encoding="ascii") as file:
            return [l.strip() for l in file if not l.startswith("-----")]


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)


class Authority:
    """A certificate authority of our own in `folder`."""

    def __init__(self, folder, name="Test Authority"):
        self.folder = folder
        self.name = name.replace(" ", "-").lower()
        self.issued = 0
        self.key = os.path.join(folder, self.name + ".key")
        self.file = os.path.join(folder, self.name + ".pem")
        self._make_key(self.key)
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "3000",
                "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", self.file)

    @staticmethod
    def _make_key(file):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file)

    def issue(self, *names, days=3000, usage="serverAuth"):
        """A certificate for these names (or addresses); negative `days`: one that has expired."""
        self.issued += 1
        base = os.path.join(self.folder, f"{self.name}-{self.issued}")
        self._make_key(base + ".key")
        alternatives = ",".join(
            ("IP:" if n.replace(".", "").isdigit() else "DNS:") + n for n in names)
        with open(base + ".ext", "w", encoding="ascii") as file:
            file.write(f"subjectAltName={alternatives}\nextendedKeyUsage={usage}\n")
        openssl("req", "-new", "-key", base + ".key", "-subj", "/CN=test", "-out", base + ".csr")
        openssl("x509", "-req", "-in", base + ".csr", "-CA", self.file, "-CAkey", self.key,
                "-set_serial", str(self.issued), "-days", str(days), "-extfile", base + ".ext",
                "-out", base + ".pem")
        return Identity(base + ".pem", base + ".key")


class StrictSocket:
    """A TLS socket on which an end without close_notify is a reset."""

    def __init__(self, sock):
        self.tls = sock

    def __getattr__(self, name):
        return getattr(self.tls, name)

    def recv(self, size):
        try:
            return self.tls.recv(size)
        except ssl.SSLEOFError as error:
            raise ConnectionResetError("ended without close_notify") from error
        except ssl.SSLZeroReturnError:
            return b""


def end_politely(tls):
    """Sends close_notify and nothing more; does not wait for the peer's."""
    tls.settimeout(0)
    with contextlib.suppress(OSError):
        tls.unwrap()
    tls.settimeout(support.PATIENCE_S)


V1_2, V1_3 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def client_context(authority=None, version=None, identity=None, protocols=()):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(authority.file)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if identity is not None:
        context.load_cert_chain(identity.certificate, identity.key)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


class TlsClient(Client):
    """A raw client that speaks TLS."""

    def __init__(self, port, context, name="127.0.0.1", session=None):
        super().__init__(port)
        raw, self.sock = self.sock, None
        try:
            self.sock = StrictSocket(context.wrap_socket(
                raw, server_hostname=name, session=session, suppress_ragged_eofs=False))
        except (OSError, ValueError):
            raw.close()
            raise

    @property
    def tls(self):
        return self.sock.tls

    def end_politely(self):
        end_politely(self.tls)


class BioClient:
    """A TLS client over memory: it sends in pieces of any size and still reads when it has ended.

    Python's own TLS sockets cannot read any more after their close_notify.
    """

    def __init__(self, port, context, piece_bytes=65536, name="127.0.0.1", after_first=None):
        self.raw = Client(port)
        self.after_first = after_first  # Called when the first piece was sent.
        self.piece_bytes = piece_bytes
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self._drive(lambda: self.tls.do_handshake() or True)

    def _flush(self):
        data = self.outgoing.read()
        for begin in range(0, len(data), self.piece_bytes):
            self.raw.send(data[begin:begin + self.piece_bytes])
            if self.after_first is not None:
                after_first, self.after_first = self.after_first, None
                after_first()

    def _drive(self, action):
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                result = action()
                self._flush()
                return result
            self._flush()
            data = self.raw.sock.recv(self.piece_bytes)
            if data:
                self.incoming.write(data)
            else:
                self.incoming.write_eof()

    def send(self, data):
        self._drive(lambda: self.tls.write(data))

    def send_close_notify(self):
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self._flush()

    def read_until(self, mark):
        seen = b""
        while mark not in seen:
            data = self._drive(lambda: self.tls.read(65536))
            if not data:
                raise EOFError(f"ended with {seen[-200:]!r}")
            seen += data
        return seen

    def close(self):
        self.raw.close()


class TlsGateway(Gateway):
    """The binary under test, with TLS towards its clients."""

    context = None  # Of client() and metric().

    def __init__(self, config, context, environment=None):
        self.context = context
        super().__init__(config, environment)

    def client(self, context=None, **options):
        return TlsClient(self.port, context or self.context, **options)


def tls_config(upstream_port, *identities, tls="", scheme="http", host="127.0.0.1", **settings):
    """config_for() with TLS towards clients; each identity may be (identity, names)."""
    certificates = ""
    for identity in identities:
        identity, names = identity if isinstance(identity, tuple) else (identity, None)
        certificates += "[[server.tls.certificate]]\n" + identity.toml()
        certificates += f"server_names = {names}\n".replace("'", '"') if names else ""
    more = (f"[server.tls]\n{tls}\n{certificates}" if identities else "") + settings.pop("more", "")
    config = config_for(upstream_port, more=more, **settings)
    return config.replace(f"http://127.0.0.1:{upstream_port}", f"{scheme}://{host}:{upstream_port}")


class TlsUpstream(Upstream):
    """A scripted server that speaks TLS; what went wrong in handshakes is kept."""

    def __init__(self, identity, script=None, client_authority=None, version=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.certificate, identity.key)
        if client_authority is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_authority.file)
        if version is not None:
            self.context.minimum_version = self.context.maximum_version = version
        self.context.sni_callback = self._on_name
        self.names = []
        self.handshake_errors = []
        self.resumed = 0
        super().__init__(script)

    def _on_name(self, _, name, __):
        self.names.append(name)

    def wrap(self, sock):
        sock.settimeout(support.PATIENCE_S)
        try:
            tls = self.context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        except OSError as error:
            with self.lock:
                self.handshake_errors.append(str(error))
            raise
        with self.lock:
            self.resumed += bool(tls.session_reused)
        return StrictSocket(tls)


class CutProxy:
    """Between the gateway and an upstream: passes bytes on until the answers' budget is spent.

    Without a budget it passes everything. When it is spent, both connections end in order (FIN).
    """

    def __init__(self):
        self.target_port = None
        self.budget = None
        self.answers = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, count):
        self.budget = count
        if count == 0:
            self._end(self.answers[-1])

    @staticmethod
    def _end(pair):
        for sock in pair:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target_port))
            self.answers.append((near, far))
            threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source, target, is_answer):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self.budget is not None:
                    data = data[:self.budget]
                    self.budget -= len(data)
                target.sendall(data)
                if self.budget == 0:
                    break
        self._end((source, target))

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
