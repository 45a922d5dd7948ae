"""The figures of all rounds as text: one table for each scenario."""
import scenarios
from figures import median, spread


def number(value, digits):
    return '-' if value is None else f'{value:.{digits}f}'


def percent(value):
    return '-' if value is None else f'{100 * value:.0f}%'


def lines(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return '\n'.join('  ' + '  '.join(
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths))) for row in rows)


def values(rounds, *path):
    """One figure of every round that succeeded."""
    found = []
    for figures in rounds:
        value = figures
        for key in path:
            value = value.get(key) if value is not None else None
        found.append(value)
    return found


def percentile_ms(rounds, histogram, key):
    middle = median(values(rounds, 'load', histogram, key))
    return None if middle is None else middle / 1e6


def added_us(rounds, direct, key):
    """How much later than without a proxy, in the same round."""
    pairs = zip(values(rounds, 'load', 'total', key), values(direct or [], 'load', 'total', key))
    return median([(a - b) / 1e3 for a, b in pairs if a is not None and b is not None])


def ratio(by_subject, name, reference, *path):
    """Median of the rounds' own ratios: what slows a round slows all subjects in it."""
    pairs = zip(values(by_subject[name], *path), values(by_subject.get(reference, []), *path))
    return median([mine / theirs for mine, theirs in pairs if mine and theirs])


def load_row(name, rounds, by_subject, unit, reference):
    key = f'per_{unit}_us'
    direct = by_subject.get('direct')
    rate = 'events_per_s' if unit == 'event' else 'requests_per_s'
    latency = 'transit' if median(values(rounds, 'load', 'transit', 'count')) else 'total'
    calls = median(values(rounds, 'own_calls')) or median(values(rounds, 'calls'))
    return [name, number(median(values(rounds, key)), 2), percent(spread(values(rounds, key))),
            number(ratio(by_subject, name, reference, key), 2),
            number(median(values(rounds, 'load', rate)), 0),
            number(percentile_ms(rounds, latency, 'p50_ns'), 3),
            number(percentile_ms(rounds, latency, 'p99_ns'), 3),
            number(added_us(rounds, direct, 'p50_ns'), 0),
            number(added_us(rounds, direct, 'p99_ns'), 0),
            number(percentile_ms(rounds, 'first_event', 'p50_ns'), 3),
            number(calls, 3), f'{sum(v or 0 for v in values(rounds, "errors"))}',
            number(percentile_ms(rounds, 'send_lag', 'p99_ns'), 3)]


def memory_row(name, rounds, by_subject, reference):
    rss = values(rounds, 'rss_each')
    return [name, number(median(rss), 0), percent(spread(rss)),
            number(ratio(by_subject, name, reference, 'rss_each'), 2),
            number(median(values(rounds, 'pss_each')), 0),
            number((median(values(rounds, 'memory_before', 'rss')) or 0) / 2**20, 1),
            number((median(values(rounds, 'memory', 'rss')) or 0) / 2**20, 1),
            f'{sum(v or 0 for v in values(rounds, "errors"))}']


def scenario_table(scenario, by_subject, reference):
    by_subject = {name: [r for r in rounds if r] for name, rounds in by_subject.items()}
    by_subject = {name: rounds for name, rounds in by_subject.items() if rounds}
    if scenario.kind == 'load':
        head = ['', f'CPU us/{scenario.unit}', 'spread', f'x {reference}', f'{scenario.unit}s/s',
                'p50 ms', 'p99 ms', 'added p50 us', 'added p99 us', 'first p50 ms', 'calls',
                'errors', 'send lag p99 ms']
        rows = [load_row(n, r, by_subject, scenario.unit, reference) for n, r in by_subject.items()]
    else:
        head = ['', 'RSS bytes each', 'spread', f'x {reference}', 'PSS bytes each',
                'RSS MiB before',
                'RSS MiB with', 'errors']
        rows = [memory_row(n, r, by_subject, reference)
                for n, r in by_subject.items() if n != 'direct']
    return f'{scenario.name}: {scenario.text}\n' + lines([head, *rows])


def render(results, settings):
    parts = [f'{settings.rounds} rounds of {settings.seconds:g} s; medians; spread is half of the '
             'range over the median.\nCPU: user and system time of the proxy. p50 and p99: of the '
             'whole answer, or where events\nare stamped of the time that each event was on its '
             'way. '
             'calls: system calls per unit.']
    for name, by_subject in results.items():
        parts.append(scenario_table(scenarios.BY_NAME[name], by_subject, settings.reference))
    return '\n\n'.join(parts)
