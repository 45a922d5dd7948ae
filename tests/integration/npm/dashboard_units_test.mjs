// What the dashboard computes, without a browser: rates and percentiles of a period, phases of an
// exchange, axes, how figures are written; and when it polls. dashboard_test.py puts the modules of
// ui/ beside it.
import assert from 'node:assert';
import {test} from 'node:test';
import * as format from './ui/format.js';
import {Live, quantile} from './ui/live.js';
import {Poller} from './ui/poller.js';
import {nearest, niceScale} from './ui/scale.js';
import {keyOf} from './ui/view_exchanges.js';
import {phasesOf} from './ui/waterfall.js';

const EMPTY = {count: 0, sum_seconds: 0, buckets: []};

function histogram(...buckets) {
  return {count: buckets.reduce((sum, [, , n]) => sum + n, 0), sum_seconds: 1,
    buckets: buckets.map(([above_seconds, up_to_seconds, count]) =>
      ({above_seconds, up_to_seconds, count}))};
}

function answers(uptime, requests, failures, firstToken = EMPTY) {
  const stats = {uptime_seconds: uptime, requests, failures, in_flight: 3, cost_usd: null,
    tokens: {completion: requests * 10, prompt: requests}};
  const histograms = {request_duration: EMPTY, time_to_first_byte: EMPTY,
    time_to_first_token: firstToken, inter_token: EMPTY, overhead: EMPTY,
    phases: {relay: firstToken}, upstreams: [{upstream: 'a', time_to_first_token: firstToken}]};
  return [stats, histograms];
}

test('a percentile lies within its bucket, by its share', () => {
  const values = histogram([0, 1, 50], [1, 2, 50]);
  assert.strictEqual(quantile(values, 0.25), 0.5);
  assert.strictEqual(quantile(values, 0.5), 1);
  assert.strictEqual(quantile(values, 0.9), 1.8);
  assert.strictEqual(quantile(histogram([4, null, 1]), 0.99), 4);
  assert.strictEqual(quantile(EMPTY, 0.5), null);
});

test('rates and percentiles are of what was added', () => {
  const live = new Live();
  live.push(...answers(100, 1000, 500, histogram([0, 1, 700])), 0);
  assert.strictEqual(live.last, null);
  live.push(...answers(102, 1040, 510, histogram([0, 1, 700], [2, 4, 40])), 2000);
  assert.strictEqual(live.last.requests, 20);
  assert.strictEqual(live.last.completion, 200);
  assert.strictEqual(live.last.error_rate, 0.25);
  assert.strictEqual(live.last.cost_per_hour, null);
  assert.strictEqual(live.last.first_token.p50, 3);
  assert.strictEqual(live.last.inter_token.p50, null);
  assert.strictEqual(live.phases().relay.count, 40);
  assert.strictEqual(live.firstTokens().get('a').p50, 3);
});

test('percentiles are of ten seconds, rates of the last poll', () => {
  const live = new Live();
  for (let i = 0; i <= 10; i += 1) {
    live.push(...answers(100 + i * 2, i * i, 0, histogram([0, 1, i * i])), i * 2000);
  }
  assert.strictEqual(live.last.requests, (100 - 81) / 2);
  assert.strictEqual(live.last.first_token.count, 100 - 25);
  assert.strictEqual(live.last.seconds, 10);
});

test('a new start, a long pause and a hasty poll make no point', () => {
  const live = new Live();
  live.push(...answers(100, 1000, 0), 0);
  live.push(...answers(100.1, 1001, 0), 100);
  live.push(...answers(2, 5, 0), 2000);
  live.push(...answers(60, 500, 0), 60000);
  assert.strictEqual(live.points.length, 0);
  live.push(...answers(62, 504, 0), 62000);
  assert.deepStrictEqual(live.points.map((p) => p.requests), [2]);
});

const OFFSETS = {received: 1, lease_begun: 12, leased: 15, sent: 16, first_byte: 40,
  responded: 41, first_event: 45, ended: 90};
const NONE = Object.fromEntries(Object.keys(OFFSETS).map((name) => [name, null]));

test('phases follow each other from the first byte to the last', () => {
  const phases = phasesOf({offsets_ms: OFFSETS, queued_ms: 0, retried_ms: 8});
  assert.deepStrictEqual(phases.map((p) => p.name),
    ['receive', 'gateway', 'retried', 'connect', 'gateway', 'wait', 'token', 'stream']);
  phases.forEach((phase, i) => assert.strictEqual(phase.from, i > 0 ? phases[i - 1].to : 0));
  assert.strictEqual(phases.at(-1).to, 90);
  assert.strictEqual(phases[2].to - phases[2].from, 8);
});

const spans = (exchange) => phasesOf({queued_ms: 0, retried_ms: 0, ...exchange})
  .map((p) => [p.name, p.from, p.to]);

test('the queue of a pool comes before the first attempt', () => {
  assert.deepStrictEqual(spans({offsets_ms: OFFSETS, queued_ms: 2, retried_ms: 8}).slice(0, 5),
    [['receive', 0, 1], ['gateway', 1, 2], ['queue', 2, 4], ['retried', 4, 12],
      ['connect', 12, 15]]);
  const refused = {...NONE, received: 1, responded: 60, ended: 61};
  assert.deepStrictEqual(spans({offsets_ms: refused, queued_ms: 58}),
    [['receive', 0, 1], ['gateway', 1, 2], ['queue', 2, 60], ['stream', 60, 61]]);
});

test('a simulator is asked without a connection', () => {
  const simulated = {...NONE, received: 1, sent: 3, first_byte: 50, responded: 50, ended: 99};
  assert.deepStrictEqual(spans({offsets_ms: {...simulated, first_event: 51}, queued_ms: 1}),
    [['receive', 0, 1], ['gateway', 1, 2], ['queue', 2, 3], ['wait', 3, 50], ['token', 50, 51],
      ['stream', 51, 99]]);
  // After another target, of which the begin of the last attempt is left.
  const after = {...simulated, lease_begun: 12, sent: 30};
  assert.deepStrictEqual(spans({offsets_ms: after, retried_ms: 8}),
    [['receive', 0, 1], ['gateway', 1, 4], ['retried', 4, 30], ['wait', 30, 50],
      ['stream', 50, 99]]);
});

test('who joins the call of another one waits for it', () => {
  const cached = {...NONE, received: 1, responded: 40, ended: 42};
  const phases = (cache) => spans({cache, offsets_ms: cached}).map(([name]) => name);
  assert.deepStrictEqual(phases('join'), ['receive', 'wait', 'stream']);
  assert.deepStrictEqual(phases('hit'), ['receive', 'gateway', 'stream']);
});

test('phases that did not happen are left out', () => {
  const names = (offsets) => spans({offsets_ms: {...NONE, ...offsets}}).map(([name]) => name);
  assert.deepStrictEqual(names({}), []);
  assert.deepStrictEqual(names({ended: 5}), ['receive']);
  assert.deepStrictEqual(names({received: 1, responded: 2, ended: 5}),
    ['receive', 'gateway', 'stream']);
  assert.deepStrictEqual(names({received: 1, lease_begun: 1, leased: 1, sent: 1, ended: 5}),
    ['receive', 'wait']);
});

test('exchanges of one request id and one instant are told apart', () => {
  const exchange = {request_id: 'mine', started_at: '2026-11-29T09:19:04.569Z', shard: 0,
    number: 7};
  const others = [{...exchange, number: 8}, {...exchange, shard: 1},
    {...exchange, started_at: '2026-11-29T09:19:05.569Z'}];
  assert.strictEqual(new Set([exchange, ...others].map(keyOf)).size, 4);
  assert.strictEqual(keyOf({...exchange}), keyOf(exchange));
});

test('axes end at round values', () => {
  assert.deepStrictEqual(niceScale(23, 3), {top: 30, ticks: [0, 10, 20, 30]});
  assert.deepStrictEqual(niceScale(0, 3), {top: 1, ticks: [0, 1]});
  assert.deepStrictEqual(niceScale(53.7 * 1024, 3, true).ticks.map((t) => t / 1024),
    [0, 20, 40, 60]);
  const points = [{at: 0}, {at: 10}, {at: 20}];
  assert.deepStrictEqual([-5, 4, 6, 14, 99].map((at) => nearest(points, at)), [0, 0, 1, 1, 2]);
});

test('figures have their units', () => {
  assert.deepStrictEqual([0.000345, 0.0123, 0.5, 1.5, 75, null].map(format.duration),
    ['345 µs', '12.3 ms', '500 ms', '1.50 s', '1 min 15 s', '–']);
  assert.deepStrictEqual([1234, 12345, 4700000].map(format.compact), ['1,234', '12.3k', '4.7M']);
  assert.deepStrictEqual([0, 0.0055, 0.25].map(format.percent), ['0%', '0.55%', '25%']);
  assert.deepStrictEqual([0, 0.0000196, 0.25, 1234.5].map(format.dollars),
    ['$0.00', '$0.000020', '$0.2500', '$1,234.50']);
  assert.deepStrictEqual(['0.0', '20.0', '1.50 ms', '1.00 s', '0 ms', '100'].map(format.tick),
    ['0', '20', '1.50 ms', '1 s', '0', '100']);
  assert.strictEqual(format.bytes(1536), '1.5 KiB');
});

// As much of a browser's document as the poller looks at.
function fakeDocument() {
  const listeners = [];
  globalThis.document = {visibilityState: 'visible',
    addEventListener: (name, listener) => listeners.push(listener)};
  return (state) => {
    globalThis.document.visibilityState = state;
    listeners.forEach((listener) => listener());
  };
}

// Timers that go off when the test lets time pass.
function fakeTimers(context) {
  const {setTimeout, clearTimeout} = globalThis;
  context.after(() => Object.assign(globalThis, {setTimeout, clearTimeout}));
  const due = new Map();
  let now = 0;
  let last = 0;
  globalThis.setTimeout = (run, ms) => {
    last += 1;
    due.set(last, {at: now + ms, run});
    return last;
  };
  globalThis.clearTimeout = (id) => due.delete(id);
  return async (ms) => {
    now += ms;
    for (const [id, timer] of [...due]) {
      if (timer.at <= now) {
        due.delete(id);
        timer.run();
      }
    }
    await settle();
  };
}

// Lets what was promised come to pass.
const settle = () => new Promise((resolve) => {
  setImmediate(resolve);
});

test('polls go on every two seconds, but not while nobody looks', async (context) => {
  const pass = fakeTimers(context);
  const show = fakeDocument();
  const states = [];
  let polls = 0;
  const poller = new Poller(async () => {
    polls += 1;
  }, (state) => states.push(state));
  poller.start();
  await settle();
  assert.strictEqual(polls, 1);
  await pass(1999);
  assert.strictEqual(polls, 1);
  await pass(1);
  assert.strictEqual(polls, 2);
  show('hidden');
  await pass(60000);
  assert.strictEqual(polls, 2);
  show('visible');
  await settle();
  assert.strictEqual(polls, 3);
  poller.pause(true);
  await pass(60000);
  assert.strictEqual(polls, 3);
  assert.strictEqual(states.at(-1), 'paused');
  poller.pause(false);
  await settle();
  assert.strictEqual(polls, 4);
  assert.strictEqual(states.at(-1), 'live');
  poller.stop();
  await pass(60000);
  assert.strictEqual(polls, 4);
});

test('a gateway that does not answer is asked less and less often', async (context) => {
  const pass = fakeTimers(context);
  fakeDocument();
  const waits = [];
  let isLost = true;
  const poller = new Poller(async () => {
    if (isLost) {
      throw new Error('gone');
    }
  }, (state, seconds) => waits.push(state === 'lost' ? seconds : state));
  poller.start();
  await settle();
  for (let i = 0; i < 4; i += 1) {
    await pass(waits.at(-1) * 1e3);
  }
  assert.deepStrictEqual(waits, [2, 4, 8, 15, 15]);
  isLost = false;
  poller.now();
  await settle();
  assert.strictEqual(waits.at(-1), 'live');
  poller.stop();
});
