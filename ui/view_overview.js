// Overview: what goes through the gateway now. Figures and charts from live.js; shards from
// /v1/status; upstreams from /v1/stats, with rates of the window that live.js keeps.
import {api} from './api.js';
import {LineChart} from './chart.js';
import {choice, h, panel, setText, setWidth} from './dom.js';
import * as format from './format.js';
import {Table} from './table.js';
import {tileRow} from './tiles.js';

const RANGES = [['60', '1 min'], ['300', '5 min'], ['900', '15 min']];
let rangeSeconds = 300;

const perHour = (value) => (value === null ? format.NONE : `${format.dollars(value)}/h`);

// Of the last point, and of what was counted since the start.
const TILES = [
  ['Requests', (p) => format.rate(p.requests),
    (p, stats) => `${format.compact(stats.requests)} since the start`, '/s'],
  ['Output tokens', (p) => format.rate(p.completion),
    (p) => `${format.rate(p.prompt)} prompt tokens/s`, '/s'],
  ['Open exchanges', (p) => format.count(p.open), () => 'at this moment'],
  ['Error rate', (p) => format.percent(p.error_rate),
    (p, stats) => `${format.compact(stats.failures)} failures in all`],
  ['First token, p50', (p) => format.duration(p.first_token.p50),
    (p) => `p99 ${format.duration(p.first_token.p99)}`],
  ['Cost', (p) => perHour(p.cost_per_hour),
    (p, stats) => (stats.cost_usd === null ? 'no price is known'
      : `${format.dollars(stats.cost_usd)} since the start`)],
];

const percentileLines = (name) => [
  {name: 'p50', colour: 'series-1', of: (p) => p[name].p50},
  {name: 'p90', colour: 'series-2', of: (p) => p[name].p90},
  {name: 'p99', colour: 'series-3', of: (p) => p[name].p99},
];

function makeCharts() {
  const window = 'over 10 s';
  return [
    new LineChart({title: 'Requests', note: 'per second', unit: format.rate, series: [
      {name: 'all', colour: 'series-1', fill: true, of: (p) => p.requests},
      {name: 'failed', colour: 'bad', of: (p) => p.failures}]}),
    new LineChart({title: 'Tokens', note: 'per second', unit: format.rate, series: [
      {name: 'output', colour: 'series-4', fill: true, of: (p) => p.completion},
      {name: 'prompt', colour: 'series-6', of: (p) => p.prompt}]}),
    new LineChart({title: 'Open exchanges', unit: format.count, floor: 3, series: [
      {name: 'open', colour: 'series-2', fill: true, of: (p) => p.open}]}),
    new LineChart({title: 'Time to first token', note: window, unit: format.duration,
      series: percentileLines('first_token')}),
    new LineChart({title: 'Between tokens', note: window, unit: format.duration,
      series: percentileLines('inter_token')}),
    new LineChart({title: 'Own overhead', note: window, unit: format.duration,
      series: percentileLines('overhead')}),
  ];
}

const PHASES = [
  ['receive', 'Receive the request', 'part-receive'],
  ['overhead', 'Own work', 'part-gateway'],
  ['connect', 'Wait for a connection', 'part-connect'],
  ['upstream', 'Wait for the upstream', 'part-wait'],
  ['relay', 'Relay the answer', 'part-stream'],
];

// The mean time of each phase, as parts of a bar and as numbers.
function makePhases() {
  const bar = h('div', {class: 'parts', 'aria-hidden': 'true'});
  const parts = new Map(PHASES.map(([name, , kind]) => [name, h('i', {class: kind})]));
  bar.append(...parts.values());
  const table = new Table({caption: 'Time by phase', key: (row) => row.name,
    nothing: ['No exchange has ended yet', 'The phases of those that end appear here.'],
    columns: [
      {title: 'Phase', node: (row) => h('span', {class: 'check'},
        h('span', {class: `swatch ${row.kind}`, 'aria-hidden': 'true'}), row.label)},
      {title: 'Mean', num: true, text: (row) => format.duration(row.mean)},
      {title: 'p50', num: true, text: (row) => format.duration(row.p50)},
      {title: 'p90', num: true, text: (row) => format.duration(row.p90)},
      {title: 'p99', num: true, text: (row) => format.duration(row.p99)},
    ]});
  const made = panel('Where the time goes', {note: 'exchanges of the last 10 s',
    body: [h('div', {class: 'phase-bar'}, bar), table.element]});
  return {element: made.element, update(live) {
    const values = {...live.phases(), overhead: live.last?.overhead};
    const rows = PHASES.map(([name, label, kind]) => ({name, label, kind, ...values[name]}));
    const whole = rows.reduce((sum, row) => sum + (row.mean ?? 0), 0);
    rows.forEach((row) => setWidth(parts.get(row.name), whole > 0 ? (row.mean ?? 0) / whole : 0));
    table.update(live.last ? rows : []);
  }};
}

function makeUpstreams() {
  const table = new Table({caption: 'Upstreams', key: (row) => row.upstream,
    nothing: ['No upstream was asked yet', 'Each appears with its first request.'],
    columns: [
      {title: 'Upstream', class: 'cut', text: (row) => row.upstream},
      {title: 'Requests', num: true, text: (row) => format.compact(row.requests)},
      {title: 'Errors', num: true, text: (row) => format.percent(row.error_rate),
        tone: (row) => (row.error_rate > 0.05 ? 'text-bad' : '')},
      {title: 'TTFT p50, 10 s', num: true, text: (row) => format.duration(row.recent?.p50)},
      {title: 'Latency p50', num: true, text: (row) => format.milliseconds(row.latency_ms.p50)},
      {title: 'p99', num: true, text: (row) => format.milliseconds(row.latency_ms.p99)},
      {title: 'Tokens out', num: true, text: (row) => format.compact(row.tokens.completion)},
    ]});
  const made = panel('Upstreams', {note: 'since the start', body: table.element});
  return {element: made.element, update(live) {
    const recent = live.firstTokens();
    table.update((live.stats?.upstreams ?? []).filter((u) => u.requests > 0)
      .map((u) => ({...u, recent: recent.get(u.upstream)})));
  }};
}

function makeShards() {
  const table = new Table({caption: 'Shards', key: (row) => row.index,
    nothing: ['No shard has answered yet', 'They are asked with each poll.'],
    columns: [
      {title: 'Shard', text: (row) => row.index},
      {title: 'State', text: (row) => (row.responds ? 'turns' : 'does not answer'),
        tone: (row) => (row.responds ? '' : 'text-bad')},
      {title: 'Connections', num: true, text: (row) => format.count(row.connections)},
      {title: 'Exchanges', num: true, text: (row) => format.count(row.exchanges)},
    ]});
  const made = panel('Process', {body: table.element});
  return {element: made.element, update(status) {
    setText(made.note, `${status.draining ? 'draining, ' : ''}up ${
      format.span(status.uptime_seconds)}, clients at ${status.listen}`);
    table.update(status.shards);
  }};
}

export const overviewView = {
  title: 'Overview',
  subtitle: 'What goes through the gateway now',
  mount(host, {live, tools}) {
    const tiles = tileRow(TILES);
    const charts = makeCharts();
    const phases = makePhases();
    const upstreams = makeUpstreams();
    const shards = makeShards();
    let status = null;
    const draw = () => charts.forEach((c) => c.update(live.points, rangeSeconds));
    tools.replaceChildren(choice('Time shown', 'range', RANGES, String(rangeSeconds), (value) => {
      rangeSeconds = Number(value);
      draw();
    }));
    host.append(tiles.element, h('div', {class: 'charts'}, charts.map((c) => c.element)),
      h('div', {class: 'two'}, phases.element, upstreams.element), shards.element);
    return {
      async poll() {
        status = await api.get('v1/status');
      },
      update() {
        if (live.last) {
          tiles.update(live.last, live.stats);
        }
        draw();
        phases.update(live);
        upstreams.update(live);
        if (status) {
          shards.update(status);
        }
      },
      destroy: () => charts.forEach((c) => c.destroy()),
    };
  },
};
