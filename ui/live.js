// What the charts show: points in time, made of differences between two answers of /v1/stats and
// /v1/histograms. The gateway counts since its start; rates and percentiles of a period are what
// was added in it. Kept in memory, for as long as the page is open.

const POINTS_MAX = 1000;
// Percentiles of a single poll would jump about: they are of this long, at least.
const WINDOW_S = 10;

// name: the count and the buckets of a histogram that were added since `before`.
function added(now, before) {
  const old = new Map((before?.buckets ?? []).map((b) => [b.above_seconds, b.count]));
  return {
    count: now.count - (before?.count ?? 0),
    sum_seconds: now.sum_seconds - (before?.sum_seconds ?? 0),
    buckets: now.buckets.map((b) => ({...b, count: b.count - (old.get(b.above_seconds) ?? 0)}))
      .filter((b) => b.count > 0),
  };
}

// Estimated within a bucket, as the gateway itself does; null without a value.
export function quantile(histogram, share) {
  const total = histogram.buckets.reduce((sum, b) => sum + b.count, 0);
  const wanted = share * total;
  let below = 0;
  for (const bucket of histogram.buckets) {
    if (below + bucket.count >= wanted) {
      const high = bucket.up_to_seconds ?? bucket.above_seconds;
      return bucket.above_seconds +
        ((wanted - below) / bucket.count) * (high - bucket.above_seconds);
    }
    below += bucket.count;
  }
  return null;
}

function percentiles(histogram) {
  return {
    count: histogram.count,
    mean: histogram.count > 0 ? histogram.sum_seconds / histogram.count : null,
    p50: quantile(histogram, 0.5),
    p90: quantile(histogram, 0.9),
    p99: quantile(histogram, 0.99),
  };
}

const share = (part, whole) => (whole > 0 ? part / whole : null);

export class Live {
  constructor() {
    this.clear();
  }

  clear() {
    this.points = [];
    this.answers = [];
    this.stats = null;
    this.histograms = null;
  }

  get last() {
    return this.points.at(-1) ?? null;
  }

  // One poll. A gateway that was started again counts from zero.
  push(stats, histograms, at = Date.now()) {
    const before = this.answers.at(-1);
    if (before && stats.uptime_seconds < before.stats.uptime_seconds) {
      this.answers = [];
    }
    this.stats = stats;
    this.histograms = histograms;
    this.answers.push({at, stats, histograms});
    if (this.answers.length < 2) {
      return;
    }
    while (this.answers.length > 2 && at - this.answers[1].at >= WINDOW_S * 1e3) {
      this.answers.shift();
    }
    this.points.push(this.#point(at));
    if (this.points.length > POINTS_MAX) {
      this.points.shift();
    }
  }

  #point(at) {
    const now = this.answers.at(-1).stats;
    const before = this.answers.at(-2).stats;
    const base = this.answers[0];
    const seconds = Math.max(now.uptime_seconds - before.uptime_seconds, 0.001);
    const window = Math.max(now.uptime_seconds - base.stats.uptime_seconds, 0.001);
    const costs = now.cost_usd !== null ? now.cost_usd - (base.stats.cost_usd ?? 0) : null;
    const requests = now.requests - base.stats.requests;
    const since = (name) => percentiles(added(this.histograms[name], base.histograms[name]));
    return {
      at,
      seconds: window,
      requests: (now.requests - before.requests) / seconds,
      failures: (now.failures - before.failures) / seconds,
      completion: (now.tokens.completion - before.tokens.completion) / seconds,
      prompt: (now.tokens.prompt - before.tokens.prompt) / seconds,
      open: now.in_flight,
      error_rate: share(now.failures - base.stats.failures, requests),
      cost_per_hour: costs === null ? null : (costs / window) * 3600,
      duration: since('request_duration'),
      first_token: since('time_to_first_token'),
      first_byte: since('time_to_first_byte'),
      inter_token: since('inter_token'),
      overhead: since('overhead'),
    };
  }

  // Of the window: name → percentiles.
  phases() {
    const base = this.answers[0];
    const now = this.histograms;
    return base && now ? Object.fromEntries(Object.keys(now.phases).map((name) => [name,
      percentiles(added(now.phases[name], base.histograms.phases[name]))])) : {};
  }

  // Of the window: upstream → percentiles of its time to the first token.
  firstTokens() {
    const base = new Map((this.answers[0]?.histograms.upstreams ?? [])
      .map((u) => [u.upstream, u.time_to_first_token]));
    return new Map((this.histograms?.upstreams ?? []).map((u) =>
      [u.upstream, percentiles(added(u.time_to_first_token, base.get(u.upstream)))]));
  }
}
