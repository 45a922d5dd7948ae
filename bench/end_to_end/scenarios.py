"""What is measured: for each scenario the options of llm-load and of llm-mock, and what matters.

`seconds` is how long requests begin; streams that run then are finished and count in full.
"""
import dataclasses

CHAT = '/v1/chat/completions'


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    text: str
    load: tuple
    mock: tuple = ()
    unit: str = 'request'  # What CPU is told per: request or event.
    tls: bool = False
    kind: str = 'load'     # load, or memory of `idle` connections or of open `streams`.
    count: int = 0         # Memory: how many.
    is_at_a_third: bool = False  # Open loop at a third of what HAProxy (or nginx) carries.
    is_timed: bool = True  # Whether --duration applies.


# Fewer where the limit of open files does not allow a proxy twice as many descriptors.
MANY = '10000'
PACED = ('-H', 'x-mock-itl-ms: 50')

SCENARIOS = [
    Scenario('paced', '2,000 streams at 20 events/s',
             ('-c', '2000', '--stream', '--tokens', '100', '--stamps', '--ramp', '5', *PACED),
             unit='event'),
    Scenario('unpaced', '64 streams, one write per event',
             ('-c', '64', '--stream', '--tokens', '256'), unit='event'),
    Scenario('json', 'small JSON, 64 keep-alive connections', ('-c', '64')),
    Scenario('newconn', 'new connection per request, 64 at a time',
             ('-c', '64', '--new-connections')),
    Scenario('tls', 'small JSON, TLS on both sides, 64 keep-alive connections', ('-c', '64'),
             tls=True),
    Scenario('tlspaced', '1,000 streams at 20 events/s, TLS on both sides',
             ('-c', '1000', '--stream', '--tokens', '100', '--ramp', '5', *PACED), unit='event',
             tls=True),
    Scenario('tlsnew', 'new TLS connection per request (resumed), 16 at a time',
             ('-c', '16', '--new-connections'), tls=True),
    Scenario('prompts', '1 MiB prompts, 16 connections',
             ('-c', '16', '--prompt-bytes', '1MiB', '--prompts', '4')),
    Scenario('single', 'one request at a time', ('-c', '1')),
    Scenario('third', 'open loop at a third of saturation', ('-c', '1000'), is_at_a_third=True),
    Scenario('idle', 'memory of 5,000 idle connections', ('-c', '5000', '--ramp', '3'),
             kind='idle', count=5000),
    Scenario('open', 'memory of 2,000 open streams, 20 events/s',
             ('-c', '2000', '--stream', '--tokens', '400', '--ramp', '3', *PACED), kind='streams',
             count=2000, unit='event'),
    Scenario('many', '10,000 streams at 2 events/s',
             ('-c', MANY, '--requests', MANY, '--stream', '--tokens', '24', '--stamps',
              '--ramp', '8', '-H', 'x-mock-itl-ms: 500'), unit='event', is_timed=False),
]
BY_NAME = {s.name: s for s in SCENARIOS}
