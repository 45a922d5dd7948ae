// Usage: what was asked for and what it has cost, by model, by key, by provider, by day. From the
// ledger, by GET /v1/usage, which reads a database: asked now and then, not with every poll.
import {api} from './api.js';
import {button, choice, empty, h, panel, setText} from './dom.js';
import * as format from './format.js';
import {Table} from './table.js';
import {tileRow} from './tiles.js';

const PERIODS = [['1', 'Today'], ['7', '7 days'], ['30', '30 days'], ['all', 'All']];
const AGE_MS = 15000;
const LIMIT = 200;

// The UTC day so many days ago, as the ledger has them.
function sinceOf(period) {
  if (period === 'all') {
    return '';
  }
  const day = new Date(Date.now() - (Number(period) - 1) * 86400e3);
  return `&since=${day.toISOString().slice(0, 10)}`;
}

const nameOf = (row, by) => row[by] || '(none)';

function shareBar() {
  const fill = h('i');
  const element = h('span', {class: 'meter', 'aria-hidden': 'true'}, fill);
  element.update = (row) => {
    element.hidden = row.isSum === true;
    fill.style.width = `${(row.share * 100).toFixed(2)}%`;
  };
  return element;
}

// One report, grouped by one thing.
class Report {
  constructor(by, title, plural, labelOf = (name) => name) {
    this.by = by;
    this.table = new Table({caption: title, key: (row) => row.name,
      rowClass: (row) => (row.isSum ? 'sum' : ''),
      nothing: [`No ${plural} in this time`, 'Exchanges are added a moment after they end.'],
      columns: [
        {title: plural[0].toUpperCase() + plural.slice(1), class: 'cut',
          text: (row) => (row.isSum ? 'All' : labelOf(row.name))},
        {title: 'Requests', num: true, text: (row) => format.count(row.requests)},
        {title: 'Errors', num: true, text: (row) => format.count(row.errors),
          tone: (row) => (row.errors > 0 ? 'text-bad' : '')},
        {title: 'Input', num: true, text: (row) => format.compact(row.input_tokens)},
        {title: 'Output', num: true, text: (row) => format.compact(row.output_tokens)},
        {title: 'Cost', num: true, text: (row) => format.dollars(row.cost_usd)},
        {title: 'Share', node: shareBar},
      ]});
    this.panel = panel(title, {body: this.table.element});
    this.element = this.panel.element;
  }

  async load(period) {
    this.answer = await api.get(`v1/usage?by=${this.by}&limit=${LIMIT}${sinceOf(period)}`);
  }

  show() {
    const {rows, total} = this.answer.report;
    const byCost = total.cost_usd > 0;
    const value = (row) => (byCost ? row.cost_usd : row.requests);
    const sum = byCost ? total.cost_usd : total.requests;
    const items = rows.map((row) => ({...row, name: nameOf(row, this.by),
      share: sum > 0 ? value(row) / sum : 0}));
    if (this.by !== 'day') {
      items.sort((a, b) => value(b) - value(a));
    } else {
      items.reverse();
    }
    setText(this.panel.note, this.answer.rows_total > rows.length
      ? `the first ${rows.length} of ${this.answer.rows_total}` : '');
    this.table.update(items.length > 1
      ? [...items, {...total, name: '\u0000all', isSum: true, share: 1}] : items);
  }
}

const TILES = [
  ['Requests', (t) => format.compact(t.requests), (t) => `${format.count(t.errors)} failed`],
  ['Input tokens', (t) => format.compact(t.input_tokens),
    (t) => `${format.compact(t.cached_tokens)} from caches`],
  ['Output tokens', (t) => format.compact(t.output_tokens),
    (t) => `${format.compact(t.reasoning_tokens)} of reasoning`],
  ['Cost', (t) => format.dollars(t.cost_usd),
    (t) => (t.requests > 0 ? `${format.dollars(t.cost_usd / t.requests)} a request` : '')],
  ['Without a price', (t) => format.compact(t.unpriced), () => 'not in the cost'],
  ['Estimated', (t) => format.compact(t.estimated), () => 'whose tokens were not told'],
];

const REASONS = {
  no_ledger: ['This gateway keeps no ledger', 'With ledger.path in the configuration, each ' +
    'exchange becomes a row of a database, and this page adds them up.'],
  ledger_unreadable: ['The ledger cannot be read', 'The log of the gateway says why.'],
};

export const usageView = {
  title: 'Usage',
  subtitle: 'Requests, tokens and cost, from the ledger; days are UTC',
  mount(host, {tools, refresh}) {
    let period = '7';
    let loadedAt = 0;
    let problem = null;
    const names = new Map();
    const reports = [
      new Report('model', 'By model', 'model'),
      new Report('key', 'By key', 'key', (id) => names.get(id) ?? id),
      new Report('provider', 'By upstream', 'upstream'),
      new Report('day', 'By day', 'day'),
    ];
    const tiles = tileRow(TILES);
    const grid = h('div', {class: 'two'}, reports.map((r) => r.element));
    const content = h('div', {class: 'stack'}, tiles.element, grid);
    const words = h('section', {class: 'panel', hidden: true});
    const again = () => {
      loadedAt = 0;
      refresh();
    };
    tools.replaceChildren(choice('Period', 'period', PERIODS, period, (value) => {
      period = value;
      again();
    }), button('Read again', again));
    host.append(words, content);
    return {
      async poll() {
        if (Date.now() - loadedAt < AGE_MS) {
          return;
        }
        loadedAt = Date.now();
        try {
          const keys = await api.get('v1/keys?limit=1000');
          keys.keys.forEach((key) => names.set(key.id, key.name));
          // One after the other: the database is read for a few at a time only.
          for (const report of reports) {
            await report.load(period);
          }
          problem = null;
        } catch (error) {
          if (error.status !== 503) {
            loadedAt = 0;
            throw error;
          }
          // Without a ledger there is none until the next start.
          loadedAt = error.code === 'no_ledger' ? Infinity : loadedAt;
          problem = REASONS[error.code] ?? ['The ledger is busy', error.message];
        }
      },
      update() {
        content.hidden = problem !== null;
        words.hidden = problem === null;
        if (problem) {
          words.replaceChildren(empty(...problem));
          return;
        }
        if (reports[0].answer) {
          tiles.update(reports[0].answer.report.total);
        }
        reports.filter((r) => r.answer).forEach((r) => r.show());
      },
    };
  },
};
