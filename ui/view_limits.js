// Limits: what is left of every limit and budget, the fullest first. From GET /v1/limits; a key is
// shown by its name, which GET /v1/keys knows.
import {api} from './api.js';
import {h, panel, setAttribute, setClass, setText, setWidth} from './dom.js';
import * as format from './format.js';
import {Table} from './table.js';

const LIMIT = 500;
const NAMES_AGE_MS = 10000;

// What there is at all of a minute's limit is a burst, which follows from what is missing and from
// how long that takes to come back; hours and days begin anew with everything.
function rateMeasure(rate) {
  const isMinute = rate.name.endsWith('_per_minute');
  const missing = isMinute ? (rate.reset_after_seconds * rate.limit) / 60
    : rate.limit - rate.remaining;
  const whole = isMinute ? Math.round(Math.max(rate.remaining, 0) + missing) : rate.limit;
  return {
    name: format.words(rate.name),
    used: whole > 0 ? Math.min(Math.max(missing / whole, 0), 1) : 0,
    text: `${format.compact(rate.remaining)} of ${format.compact(whole)} left`,
    title: `${format.compact(rate.limit)} ${format.words(rate.name)}, ${
      rate.reset_after_seconds > 0 ? `whole again in ${format.span(rate.reset_after_seconds)}`
        : 'whole now'}`,
  };
}

// [{name, used, text, title}] of one scope.
function measuresOf(scope) {
  const measures = scope.rates.map(rateMeasure);
  if (scope.concurrency_max !== null) {
    measures.push({name: 'in flight', used: scope.in_flight / scope.concurrency_max,
      text: `${format.count(scope.in_flight)} of ${format.count(scope.concurrency_max)}`,
      title: 'exchanges that are going on'});
  }
  if (scope.budget) {
    const budget = scope.budget;
    const top = budget.usd ?? budget.soft_usd;
    const taken = budget.spent_usd + budget.reserved_usd;
    measures.push({name: `budget of the ${budget.period}`, used: top > 0 ? taken / top : 0,
      text: `${format.dollars(budget.spent_usd)} of ${format.dollars(top)}`,
      title: [`${format.dollars(budget.reserved_usd)} reserved`,
        budget.soft_usd === null ? '' : `soft limit ${format.dollars(budget.soft_usd)}`,
        budget.period_ends_at ? `ends ${format.relative(budget.period_ends_at)}` : '']
        .filter(Boolean).join(', ')});
  }
  return measures;
}

function measureCell(name) {
  const fill = h('i');
  const meter = h('span', {class: 'meter', role: 'meter', 'aria-valuemin': '0',
    'aria-valuemax': '100', 'aria-label': name}, fill);
  const text = h('span');
  const element = h('div', {class: 'limit-cell'},
    h('span', {class: 'fine'}, name, ': ', text), meter);
  return {element, update(measure) {
    setText(text, measure.text);
    setWidth(fill, measure.used);
    const tone = measure.used >= 1 ? ' bad' : measure.used >= 0.8 ? ' warn' : '';
    setClass(meter, `meter${tone}`);
    setAttribute(meter, 'aria-valuenow', Math.round(measure.used * 100));
    setAttribute(element, 'title', measure.title);
  }};
}

function measuresNode() {
  const cells = new Map();
  const element = h('div', {class: 'rates'});
  element.update = (row) => {
    const names = new Set(row.measures.map((m) => m.name));
    for (const [name, cell] of cells) {
      if (!names.has(name)) {
        cell.element.remove();
        cells.delete(name);
      }
    }
    for (const measure of row.measures) {
      if (!cells.has(measure.name)) {
        cells.set(measure.name, measureCell(measure.name));
        element.append(cells.get(measure.name).element);
      }
      cells.get(measure.name).update(measure);
    }
  };
  return element;
}

export const limitsView = {
  title: 'Limits',
  subtitle: 'What is left of every limit and budget',
  mount(host) {
    let answer = null;
    let namedAt = 0;
    const names = new Map();
    const table = new Table({caption: 'Limits',
      key: (row) => `${row.scope} ${row.name} ${row.processor}`,
      nothing: ['Nothing is limited', 'Limits and budgets of keys and tenants, and what ' +
        'rate_limit processors count, appear here. See docs/KEYS_AND_LIMITS.md.'],
      columns: [
        {title: 'Scope', text: (row) => row.scope},
        {title: 'Name', class: 'cut', text: (row) => names.get(row.name) ?? (row.name || 'all')},
        {title: 'Counted by', text: (row) => row.processor || 'itself'},
        {title: 'Fullest', num: true, text: (row) => format.percent(row.fullest),
          tone: (row) => (row.fullest >= 1 ? 'text-bad' : row.fullest >= 0.8 ? 'text-warn' : '')},
        {title: 'Limits', class: 'grow', node: measuresNode},
      ]});
    const made = panel('Limits and budgets', {body: table.element});
    host.append(made.element);
    return {
      async poll() {
        answer = await api.get(`v1/limits?limit=${LIMIT}`);
        if (Date.now() - namedAt > NAMES_AGE_MS) {
          namedAt = Date.now();
          const keys = await api.get('v1/keys?limit=1000');
          keys.keys.forEach((key) => names.set(key.id, key.name));
        }
      },
      update() {
        if (!answer) {
          return;
        }
        setText(made.note, answer.total > answer.scopes.length
          ? `the first ${answer.scopes.length} of ${answer.total}` : '');
        table.update(answer.scopes.map((scope) => {
          const measures = measuresOf(scope);
          return {...scope, measures, fullest: Math.max(0, ...measures.map((m) => m.used))};
        }));
      },
    };
  },
};
