// Cache: what the response cache holds and does, over time and by shard, and taking something out
// of it. From GET /v1/cache and POST /v1/cache/purge.
import {api} from './api.js';
import {LineChart} from './chart.js';
import {attempt, confirm} from './dialog.js';
import {button, empty, field, h, panel} from './dom.js';
import * as format from './format.js';
import {Table} from './table.js';
import {tileRow} from './tiles.js';

const RANGE_S = 300;
const POINTS_MAX = 300;

const TILES = [
  ['Entries', (c) => format.count(c.entries), (c) => `of ${format.compact(c.entries_max)}`],
  ['Memory', (c) => format.bytes(c.bytes), (c) => `of ${format.bytes(c.bytes_max)}`],
  ['Hit rate', (c) => format.percent(c.hits + c.misses > 0 ? c.hits / (c.hits + c.misses) : null),
    () => 'since the start'],
  ['Hits', (c) => format.compact(c.hits), (c) => `${format.compact(c.misses)} misses`],
  ['Stored', (c) => format.compact(c.stores),
    (c) => `${format.compact(c.refusals)} not kept`],
  ['Gone', (c) => format.compact(c.evictions + c.expirations),
    (c) => `${format.compact(c.evictions)} for room, ${format.compact(c.expirations)} by age`],
];

function purgeForm(refresh) {
  const model = h('input', {type: 'text', example: 'gpt-4o', autocomplete: 'off'});
  const tenant = h('input', {type: 'text', example: 'research', autocomplete: 'off'});
  const digest = h('input', {type: 'text', example: '64 hexadecimal digits', class: 'mono',
    autocomplete: 'off', maxlength: '64'});
  const purge = async (scope) => {
    const words = (answer) => `${format.count(answer.removed)} removed${
      answer.complete ? '' : '; a shard still works on it'}`;
    await attempt(() => api.post('v1/cache/purge', scope), words);
    refresh();
  };
  const narrowed = (event) => {
    event.preventDefault();
    const scope = {};
    for (const [name, input] of Object.entries({model, tenant, digest})) {
      if (input.value.trim() !== '') {
        scope[name] = input.value.trim();
      }
    }
    if (Object.keys(scope).length === 0) {
      model.focus();
      return;
    }
    purge(scope);
  };
  const all = button('Purge everything', () => confirm({title: 'Purge the whole cache?',
    text: 'Every answer goes; the next requests are all asked of their upstreams.',
    action: 'Purge everything', run: () => purge({all: true})}), {kind: 'danger'});
  return h('form', {class: 'form-row', on: {submit: narrowed}}, field('Model', model),
    field('Tenant', tenant), field('Digest', digest, '(cache_key of the access log)'),
    h('button', {type: 'submit', class: 'button'}, 'Purge these'), all);
}

export const cacheView = {
  title: 'Cache',
  subtitle: 'Answers that are kept and given again',
  mount(host, {refresh}) {
    let cache = null;
    const points = [];
    const tiles = tileRow(TILES);
    const rate = (name) => (point) => point[name];
    const chart = new LineChart({title: 'Lookups', note: 'per second', unit: format.rate, series: [
      {name: 'hits', colour: 'series-4', fill: true, of: rate('hits')},
      {name: 'misses', colour: 'series-3', of: rate('misses')}]});
    const memory = new LineChart({title: 'Memory', unit: format.bytes, floor: 1024,
      isBytes: true, series: [
      {name: 'used', colour: 'series-1', fill: true, of: rate('bytes')}]});
    const shards = new Table({caption: 'Cache by shard', key: (row) => row.index,
      nothing: ['No shard has a part of it', 'They are asked with each poll.'],
      columns: ['entries', 'hits', 'misses', 'stores', 'evictions', 'expirations',
        'invalidations'].reduce((columns, name) => [...columns,
        {title: name[0].toUpperCase() + name.slice(1), num: true,
          text: (row) => format.count(row[name])}],
      [{title: 'Shard', text: (row) => row.index},
        {title: 'Memory', num: true, text: (row) => format.bytes(row.bytes)}])});
    const nothing = h('section', {class: 'panel', hidden: true}, empty('The cache is off',
      'With cache.enabled, and a processor of type "cache" on a route, answers are kept and ' +
      'given again. See docs/CACHE.md.'));
    const content = h('div', {class: 'stack'},
      tiles.element,
      h('div', {class: 'charts'}, chart.element, memory.element),
      panel('Purge', {note: 'all that is filled in must apply',
        body: h('div', {class: 'panel-body'}, purgeForm(refresh))}).element,
      panel('By shard', {body: shards.element}).element);
    host.append(nothing, content);
    return {
      async poll() {
        const before = cache;
        const at = Date.now();
        cache = {...await api.get('v1/cache'), at};
        if (before && cache.hits >= before.hits) {
          const seconds = Math.max((at - before.at) / 1e3, 0.1);
          points.push({at, bytes: cache.bytes, hits: (cache.hits - before.hits) / seconds,
            misses: (cache.misses - before.misses) / seconds});
          points.splice(0, Math.max(0, points.length - POINTS_MAX));
        }
      },
      update() {
        if (!cache) {
          return;
        }
        nothing.hidden = cache.enabled;
        content.hidden = !cache.enabled;
        tiles.update(cache);
        chart.update(points, RANGE_S);
        memory.update(points, RANGE_S);
        shards.update(cache.shards);
      },
      destroy() {
        chart.destroy();
        memory.destroy();
      },
    };
  },
};
