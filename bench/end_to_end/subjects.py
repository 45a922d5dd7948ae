"""The proxies that are compared: how each is configured, started on one core and ended.

Every subject gets a folder of its own for its configuration and its log, listens on a port of the
system's choice, and runs pinned to one core with one worker. Only processes started here are ended.
"""
import contextlib
import http.server
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

DESCRIPTORS_WANTED = 200_000
# Beside those of connections: logs, listeners, the loop.
DESCRIPTORS_BESIDE = 100
START_S = 15
PERSISTENT = 1_000_000_000


def raise_descriptor_limit():
    """As far as the system allows; programs started here inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(hard, DESCRIPTORS_WANTED)
    for limit in ((wanted, wanted), (hard, hard)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, limit)
            return


def streams_max():
    """How many clients a proxy can serve at a time: two descriptors each."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (limit - DESCRIPTORS_BESIDE) // 2


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return server.getsockname()[1]


def wait_until_listening(port, process, what):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f'{what} ended with code {process.returncode}')
        with contextlib.suppress(OSError):
            socket.create_connection(('127.0.0.1', port), 1).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    raise RuntimeError(f'{what} does not listen')


class Program:
    """A process pinned to a core, with its output in a file."""

    def __init__(self, command, cpu, folder, name):
        self.log = pathlib.Path(folder) / f'{name}.out'
        with open(self.log, 'wb') as out:
            self.process = subprocess.Popen(
                ['taskset', '-c', str(cpu), *map(str, command)], stdin=subprocess.DEVNULL,
                stdout=out, stderr=subprocess.STDOUT)

    def wait_for_line(self, pattern):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            found = re.search(pattern, self.log.read_text(errors='replace'))
            if found:
                return found
            if self.process.poll() is not None:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.01)
        raise RuntimeError(f'{self.log.name}: {self.log.read_text(errors="replace")[-2000:]}')

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Mock:
    """llm-mock, the upstream of all."""

    def __init__(self, settings, folder, tls=None, options=()):
        command = [settings.mock, '--port', '0', *options]
        if tls:
            command += ['--certificate', tls.certificate, '--private-key', tls.key]
        self.program = Program(command, settings.client_cpu, folder, 'mock')
        self.port = int(self.program.wait_for_line(r'listens on \w+://[\d.]+:(\d+)').group(1))

    def stop(self):
        self.program.stop()


class Tls:
    """A certificate for 127.0.0.1 and localhost, its own authority."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.certificate, self.key = folder / 'cert.pem', folder / 'key.pem'
        self.both = folder / 'both.pem'
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
             '-nodes', '-days', '30', '-subj', '/CN=localhost', '-addext',
             'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', self.key, '-out',
             self.certificate], check=True, stdin=subprocess.DEVNULL, capture_output=True)
        self.both.write_text(self.certificate.read_text() + self.key.read_text())


class Subject:
    """One proxy. A subclass writes the configuration and says how to start it."""
    name = ''
    does_tls = True
    program = None
    port = 0

    def __init__(self, settings):
        self.settings = settings

    def available(self):
        """Why it cannot take part, or nothing."""
        return ''

    def start(self, mock, folder, tls):
        self.port = free_port()
        command = self.command(mock, pathlib.Path(folder), tls)
        self.program = Program(command, self.settings.proxy_cpu, folder, self.name)
        wait_until_listening(self.port, self.program.process, self.name)

    def command(self, mock, folder, tls):
        raise NotImplementedError

    def pids(self):
        """The process and its children."""
        if self.program is None:
            return []
        pid = self.program.process.pid
        children = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
        return [pid, *map(int, children)]

    def own_system_calls(self):
        """Counted by the subject itself; None where it does not."""
        return None

    def stop(self):
        if self.program is not None:
            self.program.stop()
            self.program = None


class Direct(Subject):
    """No proxy: what client and server cost by themselves."""
    name = 'direct'

    def start(self, mock, folder, tls):
        self.port = mock.port


class BareRelay(Subject):
    """TCP to TCP by io_uring, no HTTP."""
    name = 'relay'
    does_tls = False

    def available(self):
        return '' if os.access(self.settings.relay, os.X_OK) else f'no {self.settings.relay}'

    def command(self, mock, folder, tls):
        return [self.settings.relay, self.port, mock.port]


class Nginx(Subject):
    """A plain proxy: buffering off, access log on (written in blocks), keep-alive to upstream."""
    name = 'nginx'

    def available(self):
        return '' if shutil.which('nginx') else 'nginx is not installed'

    def command(self, mock, folder, tls):
        secure = ''
        if tls:
            secure = (f'ssl_certificate {tls.certificate}; ssl_certificate_key {tls.key}; '
                      'ssl_session_cache shared:s:10m; '
                      f'proxy_ssl_trusted_certificate {tls.certificate}; proxy_ssl_verify on; '
                      'proxy_ssl_name localhost; proxy_ssl_session_reuse on; '
                      'proxy_ssl_protocols TLSv1.2 TLSv1.3;')
        config = folder / 'nginx.conf'
        config.write_text(f'''
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
events {{ worker_connections 65536; use epoll; }}
http {{
    access_log {folder}/nginx-access.log combined buffer=64k flush=1s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_timeout 3600s;
    keepalive_requests {PERSISTENT};
    tcp_nodelay on;
    upstream mock {{
        server 127.0.0.1:{mock.port};
        keepalive 16384;
        keepalive_requests {PERSISTENT};
        keepalive_timeout 3600s;
    }}
    server {{
        listen 127.0.0.1:{self.port}{' ssl' if tls else ''} backlog=4096;
        client_max_body_size 0;
        {secure}
        location / {{
            proxy_pass {'https' if tls else 'http'}://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_read_timeout 3600s;
        }}
    }}
}}
''', encoding='utf-8')
        return ['nginx', '-p', folder, '-e', f'{folder}/nginx-error.log', '-c', config]


class HaProxy(Subject):
    """A plain proxy: no buffering of events, HTTP access log on, keep-alive to upstream."""
    name = 'haproxy'

    def available(self):
        return '' if shutil.which('haproxy') else 'haproxy is not installed'

    def command(self, mock, folder, tls):
        bind = f' ssl crt {tls.both}' if tls else ''
        server = ''
        if tls:
            server = f' ssl verify required ca-file {tls.certificate} verifyhost localhost'
        config = folder / 'haproxy.cfg'
        config.write_text(f'''
global
    maxconn {min(60000, streams_max())}
    nbthread 1
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    option http-no-delay
    option http-keep-alive
    http-reuse always
    timeout connect 10s
    timeout client 3600s
    timeout server 3600s
    timeout http-keep-alive 3600s
frontend front
    bind 127.0.0.1:{self.port}{bind} backlog 4096
    default_backend back
backend back
    server mock 127.0.0.1:{mock.port}{server} pool-max-conn 16384 pool-purge-delay 3600s
''', encoding='utf-8')
        return ['haproxy', '-db', '-f', config]


class Sluice(Subject):
    """The gateway: routing, JSON validation, usage, metrics and access log on."""
    name = 'sluice'
    more = ''  # Of the configuration.
    server = ''  # Of [server].
    access_log = 'target = "{folder}/sluice-access.log"'

    def available(self):
        return '' if os.access(self.settings.sluice, os.X_OK) else f'no {self.settings.sluice}'

    def command(self, mock, folder, tls):
        scheme = 'https' if tls else 'http'
        certificate = ''
        trust = ''
        if tls:
            certificate = (f'[[server.tls.certificate]]\ncertificate_file = "{tls.certificate}"\n'
                           f'private_key_file = "{tls.key}"\n')
            trust = f'tls = {{ ca_file = "{tls.certificate}" }}\n'
        config = folder / 'sluice.toml'
        config.write_text(f'''
[server]
host = "127.0.0.1"
port = {self.port}
shards = 1
pin_shards = false
access_log = {{ {self.access_log.format(folder=folder)} }}
{self.settings.sluice_server}{self.server}
{certificate}
[llm.mock]
provider = "openai_compatible"
type = "chat"
base_url = "{scheme}://127.0.0.1:{mock.port}/v1"
{trust}{self.settings.sluice_llm}

[[route]]
path_prefix = "/v1"
target_llm = "mock"
{self.more}
''', encoding='utf-8')
        return [self.settings.sluice, '--config', config]

    def own_system_calls(self):
        with contextlib.suppress(OSError, ValueError):
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}/metrics', timeout=5) as page:
                text = page.read().decode()
            values = [float(line.rsplit(' ', 1)[1]) for line in text.splitlines()
                      if re.match(r'sluice_system_calls(_total)?\b', line)]
            return sum(values) if values else None
        return None


class Unobserved(Sluice):
    """Nothing is told that can be left out."""
    name = 'unobserved'
    access_log = 'target = "off"'
    server = 'server_timing = false'


class Observed(Sluice):
    """Access log in JSON, every tenth exchange traced, each one summed up in the log, and all
    series scraped once a second."""
    name = 'observed'
    access_log = 'target = "{folder}/sluice-access.log", format = "json"'
    receiver = scraper = None

    def start(self, mock, folder, tls):
        self.receiver = Receiver()
        self.more = f'''processors = ["told"]

[processor.told]
type = "logging"

[traces]
endpoint = "http://127.0.0.1:{self.receiver.port}"
sample_ratio = 0.1
'''
        super().start(mock, folder, tls)
        self.scraper = Scraper(self.port)

    def stop(self):
        if self.scraper is not None:
            self.scraper.stop()
        super().stop()
        if self.receiver is not None:
            self.receiver.stop()
        self.scraper = self.receiver = None


class Receiver:
    """Takes traces and says yes."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_POST(self):
                self.rfile.read(int(self.headers['content-length']))
                self.send_response(200)
                self.send_header('content-type', 'application/json')
                self.send_header('content-length', '2')
                self.end_headers()
                self.wfile.write(b'{}')

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Scraper:
    """What Prometheus does, more often."""

    def __init__(self, port):
        self.url = f'http://127.0.0.1:{port}/metrics'
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.wait(1):
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(self.url, timeout=5) as page:
                    page.read()

    def stop(self):
        self.ended.set()
        self.thread.join()


ALL = {subject.name: subject
       for subject in (Direct, BareRelay, Nginx, HaProxy, Sluice, Unobserved, Observed)}
# Those that are compared when nothing else is said.
USUAL = [name for name in ALL if name not in ('unobserved', 'observed')]


def complain(text):
    print(f'compare: {text}', file=sys.stderr)
