// Targets: pool by pool a tile for each target: how it is, what it has, and what people can do with
// it. From GET /v1/targets, changed by PATCH, as `sluice targets` does.
import {api, segment} from './api.js';
import {attempt, confirm} from './dialog.js';
import {button, empty, h, panel, setAttribute, setClass, setText} from './dom.js';
import * as format from './format.js';

// state → how the tile looks, and the words for it.
const STATES = {
  ok: ['good', 'Healthy'],
  drained: ['', 'Drained'],
  forced_open: ['bad', 'Forced open'],
  unhealthy: ['bad', 'Unhealthy'],
  open: ['bad', 'Breaker open'],
  half_open: ['warn', 'Half open'],
  ejected: ['warn', 'Ejected'],
  resting: ['warn', 'Resting'],
  starting: ['warn', 'Starting'],
};

const FACTS = [
  ['In flight', (t) => format.count(t.in_flight.requests)],
  ['Requests/s', (t) => format.rate(t.rate)],
  ['TTFT p50', (t) => format.duration(t.recent?.p50)],
  ['Failing', (t) => format.percent(t.failure_average)],
  ['Breaker', (t) => t.breaker.state.replace('_', ' ')],
  ['Check', (t) => (t.health.checked_at ? (t.health.healthy ? 'passes' : 'fails') : 'none')],
  ['Per token', (t) => (t.ms_per_token > 0 ? format.milliseconds(t.ms_per_token) : format.NONE)],
  ['Faults', (t) => format.compact(t.totals.faults)],
];

// What a person should know first.
function wordsOf(target) {
  const until = [['ejected', target.ejected_until], ['rests', target.resting_until],
    ['breaker tries again', target.breaker.until]].find(([, at]) => at);
  if (until) {
    return `${until[0]} ${until[0].endsWith('again') ? '' : 'until '}${format.relative(until[1])}`;
  }
  if (target.mode === 'forced_closed') {
    return 'forced closed: used whatever checks say';
  }
  if (!target.health.healthy && target.health.error) {
    return `check: ${target.health.error}`;
  }
  if (target.share < 1) {
    return `starts slowly: ${format.percent(target.share)} of its share`;
  }
  if (target.last_error) {
    return `last error: ${target.last_error.kind.replaceAll('_', ' ')}, ${
      format.span(target.last_error.age_seconds)} ago`;
  }
  if (target.engine.waiting !== null) {
    return `engine: ${target.engine.waiting} waiting, ${
      format.percent(target.engine.kv_share)} of its memory used`;
  }
  return 'no errors so far';
}

class TargetTile {
  constructor(pool, target, refresh) {
    Object.assign(this, {pool, name: target.name, refresh});
    this.badge = h('span', {class: 'badge'});
    this.sub = h('p');
    this.words = h('p', {class: 'target-words'});
    this.facts = FACTS.map(() => h('dd', {}, format.NONE));
    const named = (text) => `${text} ${target.name}`;
    this.drain = button('Drain', () => this.#setMode(this.isActive ? 'drained' : 'active'));
    this.open = button('Force open', () => this.#forceOpen(), {label: named('Force open')});
    this.close = button('Force close', () => this.#setMode('forced_closed'),
      {label: named('Force close')});
    this.weight = h('input', {type: 'number', min: '0', max: '10000', step: '1',
      'aria-label': `Weight of ${target.name}; 0 is that of the configuration`,
      on: {change: () => this.#setWeight()}});
    this.element = h('article', {class: 'target', 'aria-label': target.name},
      h('div', {class: 'target-head'},
        h('div', {class: 'target-name'}, h('h3', {title: target.name}, target.name), this.sub),
        this.badge),
      h('dl', {class: 'facts'}, FACTS.map(([label], i) =>
        h('div', {}, h('dt', {}, label), this.facts[i]))),
      this.words,
      h('div', {class: 'target-tools'}, this.drain, this.open, this.close,
        h('label', {class: 'weight'}, 'Weight', this.weight)));
  }

  update(target) {
    const [tone, words] = STATES[target.state] ?? ['', target.state];
    this.isActive = target.mode === 'active';
    setClass(this.element, `target ${tone}`);
    setClass(this.badge, `badge ${tone}`);
    setText(this.badge, words);
    const parts = [`priority ${target.priority}`, ...target.labels];
    setText(this.sub, parts.join(' · '));
    FACTS.forEach(([, of], i) => setText(this.facts[i], of(target)));
    setText(this.words, wordsOf(target));
    setAttribute(this.words, 'title', wordsOf(target));
    setText(this.drain, this.isActive ? 'Drain' : 'Activate');
    setAttribute(this.drain, 'aria-label', `${this.isActive ? 'Drain' : 'Activate'} ${this.name}`);
    this.open.hidden = !this.isActive;
    this.close.hidden = !this.isActive;
    if (document.activeElement !== this.weight) {
      this.weight.value = target.weight;
    }
  }

  async #change(body, done) {
    await attempt(() => api.patch(
      `v1/targets/${segment(this.pool)}/${segment(this.name)}`, body), done);
    this.refresh();
  }

  #setMode(mode) {
    const words = {active: 'is active again', drained: 'is drained: it gets nothing new',
      forced_closed: 'is used whatever checks say', forced_open: 'gets nothing new'};
    return this.#change({mode}, `${this.name} ${words[mode]}`);
  }

  #forceOpen() {
    confirm({title: `Force ${this.name} open?`, action: 'Force open',
      text: 'It gets nothing new until it is activated again. What it has goes on to its end.',
      run: () => this.#setMode('forced_open')});
  }

  #setWeight() {
    const weight = Number(this.weight.value);
    if (this.weight.value === '' || !this.weight.checkValidity()) {
      return;
    }
    this.#change({weight}, (answer) => `${this.name} has the weight ${answer.target.weight}`);
  }
}

class PoolPanel {
  constructor(pool, refresh) {
    this.refresh = refresh;
    this.tiles = new Map();
    this.grid = h('div', {class: 'targets'});
    this.panel = panel(pool.name, {body: this.grid});
    this.element = this.panel.element;
    this.totals = new Map();
  }

  update(pool, firstTokens, uptime) {
    setText(this.panel.note, `${pool.strategy.replaceAll('_', ' ')} · ${pool.in_service} of ${
      pool.targets.length} in service`);
    const names = new Set(pool.targets.map((t) => t.name));
    for (const [name, tile] of this.tiles) {
      if (!names.has(name)) {
        tile.element.remove();
        this.tiles.delete(name);
      }
    }
    for (const target of pool.targets) {
      if (!this.tiles.has(target.name)) {
        this.tiles.set(target.name, new TargetTile(pool.name, target, this.refresh));
        this.grid.append(this.tiles.get(target.name).element);
      }
      this.tiles.get(target.name).update({...target, rate: this.#rate(target, uptime),
        recent: firstTokens.get(target.llm) ?? firstTokens.get(target.llm.split('@')[0])});
    }
  }

  // Requests that it was given since the last poll, per second.
  #rate(target, uptime) {
    const before = this.totals.get(target.name);
    this.totals.set(target.name, {selected: target.totals.selected, uptime});
    return before && uptime > before.uptime
      ? (target.totals.selected - before.selected) / (uptime - before.uptime) : null;
  }
}

export const targetsView = {
  title: 'Targets',
  subtitle: 'Health and load of every pool',
  mount(host, {live, refresh}) {
    const panels = new Map();
    const nothing = empty('There is no pool',
      'Routes of this gateway name their upstream directly. With [pool.NAME] in the ' +
      'configuration, several targets stand behind one name and appear here.');
    let answer = null;
    return {
      async poll() {
        answer = await api.get('v1/targets');
      },
      update() {
        if (!answer) {
          return;
        }
        const firstTokens = live.firstTokens();
        for (const [name, made] of panels) {
          if (!answer.pools.some((p) => p.name === name)) {
            made.element.remove();
            panels.delete(name);
          }
        }
        for (const pool of answer.pools) {
          if (!panels.has(pool.name)) {
            panels.set(pool.name, new PoolPanel(pool, refresh));
            host.append(panels.get(pool.name).element);
          }
          panels.get(pool.name).update(pool, firstTokens, answer.uptime_seconds);
        }
        if (answer.pools.length === 0) {
          host.replaceChildren(nothing);
        } else {
          nothing.remove();
        }
      },
    };
  },
};
