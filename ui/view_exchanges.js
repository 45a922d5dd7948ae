// Exchanges: the last ones that ended, with what became of them and the bar of their phases. From
// GET /v1/exchanges; their content, where it is kept, is asked for when one is opened. Filters work
// on what has arrived.
import {api} from './api.js';
import {choice, h, panel, setText} from './dom.js';
import * as format from './format.js';
import {Table} from './table.js';
import {fallBar, fallLegend, fallSteps} from './waterfall.js';

const LIMIT = 100;
const SHOWS = [['all', 'All'], ['failed', 'Failed'], ['streams', 'Streams']];
const SCALES = [['shared', 'Same scale'], ['own', 'Each its own']];

// As the gateway counts: not what its client left.
const isLeft = (e) => e.status === 499 || e.error?.kind === 'cancelled';
const isFailed = (e) => !isLeft(e) && (e.status >= 400 || e.error !== null);

function statusTone(exchange) {
  if (isLeft(exchange)) {
    return 'warn';
  }
  return isFailed(exchange) ? 'bad' : '';
}

function statusBadge(exchange) {
  return h('span', {class: `badge plain ${statusTone(exchange)}`,
    title: exchange.error?.kind ?? exchange.cache ?? ''}, String(exchange.status));
}

const tokensText = (t) => (t ? `${format.compact(t.prompt)} → ${format.compact(t.completion)}`
  : format.NONE);

const endedText = (e) => format.clock(
  new Date(new Date(e.started_at).getTime() + (e.offsets_ms.ended ?? 0)), true);

// The time of the first event, or of the first byte where it is no stream.
const firstMs = (e) => e.offsets_ms.first_event ?? e.offsets_ms.first_byte;

function pairsOf(e) {
  const error = e.error ? `${e.error.kind} (${e.error.source}, ${e.error.phase})` : null;
  return [
    ['Request id', e.request_id], ['Started', `${format.date(e.started_at)} · shard ${e.shard}`],
    ['Request', `${e.method ?? ''} ${e.path ?? ''}`], ['Operation', e.operation],
    ['Model', e.model], ['At the upstream', e.upstream_model],
    ['Provider', e.provider], ['Target', e.upstream],
    ['Pool', e.pool], ['Route', e.route],
    ['Key', e.key], ['Tenant', e.tenant],
    ['Tokens', tokensText(e.tokens)], ['Cost', format.dollars(e.cost_usd)],
    ['Sent', format.bytes(e.response_bytes)], ['Received', format.bytes(e.request_bytes)],
    ['Events', e.stream ? format.count(e.events) : null], ['Attempts', e.attempts],
    ['Cache', e.cache], ['Hedge', e.hedge],
    ['Connection', e.attempts > 0 ? (e.reused ? 'reused' : 'new') : null],
    ['Upstream status', e.upstream_status || null],
    ['Cached tokens', e.tokens?.cached || null], ['Reasoning', e.tokens?.reasoning || null],
    ['Refused by', e.refusal], ['Refused in the queue', e.queue_refusal?.replace('_', ' ')],
    ['Error', error], ['Because', e.error?.detail],
  ].filter(([, value]) => value !== null && value !== undefined && value !== '');
}

// One body as the text that it is, whatever it says.
function bodyOf(title, body) {
  const note = body.is_cut ? ' · cut' : '';
  return h('section', {class: 'content', 'aria-label': title},
    h('h3', {}, `${title}${note}`),
    body.text === '' ? h('p', {class: 'faint'}, 'Empty, or never read')
      : h('pre', {tabindex: '0', 'aria-label': title}, body.text));
}

async function fillContent(to, exchange) {
  try {
    const found = await api.get(`v1/exchanges/${exchange.shard}/${exchange.number}`);
    const content = keyOf(found.exchange) === keyOf(exchange) ? found.content : null;
    to.replaceChildren(...(content
      ? [bodyOf('Request body', content.request), bodyOf('Response body', content.response)]
      : [h('p', {class: 'faint'}, 'Its content is not kept any more.')]));
  } catch (error) {
    setText(to, error.message);
  }
}

function makeDetail(exchange) {
  const element = h('div', {class: 'detail-grid'},
    fallSteps(exchange),
    h('dl', {class: 'pairs'}, pairsOf(exchange).flatMap(([name, value]) =>
      [h('dt', {}, name), h('dd', {}, String(value))])));
  if (exchange.has_content) {
    const contents = h('div', {class: 'contents'}, h('p', {class: 'faint'}, 'Loading…'));
    element.append(contents);
    fillContent(contents, exchange);
  }
  return {element};
}

function matches(exchange, words) {
  const text = [exchange.request_id, exchange.path, exchange.model, exchange.upstream_model,
    exchange.upstream, exchange.provider, exchange.pool, exchange.key, exchange.tenant,
    exchange.status, exchange.error?.kind, exchange.cache].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

// Its request id is the client's choice, and its number begins anew with the process.
export const keyOf = (e) => `${e.shard} ${e.number} ${e.started_at}`;

export const exchangesView = {
  title: 'Exchanges',
  subtitle: 'The last ones that ended, phase by phase',
  mount(host) {
    let answer = null;
    let show = 'all';
    let scale = 'shared';
    let whole = 1;
    const search = h('input', {type: 'search', class: 'search', example: 'Model, target, key…',
      'aria-label': 'Show only exchanges with these words', on: {input: () => view.updateAnew()}});
    // An exchange does not change any more; its bar does, with the scale.
    const bar = (exchange) => {
      const cell = h('span');
      let drawn = null;
      cell.update = (e) => {
        const wanted = scale === 'own' ? e.offsets_ms.ended : whole;
        if (wanted !== drawn) {
          drawn = wanted;
          cell.replaceChildren(fallBar(e, wanted));
        }
      };
      cell.update(exchange);
      return cell;
    };
    const table = new Table({caption: 'The last exchanges', kind: 'exchanges', detail: makeDetail,
      onClosed: () => view.update(),
      key: keyOf,
      nothing: ['No exchange to show', 'Each appears here when it has ended. Those that are kept ' +
        'are as many as admin.recent_exchanges_max says.'],
      columns: [
        {title: 'Ended', class: 'mono', text: endedText},
        {title: 'Status', node: statusBadge},
        {title: 'Request', class: 'cut w3', text: (e) => `${e.method ?? ''} ${e.path ?? ''}`},
        {title: 'Model', class: 'cut', text: (e) => e.model ?? format.NONE},
        {title: 'Provider', class: 'w1', text: (e) => e.provider ?? format.NONE},
        {title: 'Target', class: 'cut', text: (e) => (e.cache === 'hit' || e.cache === 'join'
          ? `cache (${e.cache})` : e.upstream ?? format.NONE)},
        {title: 'Key', class: 'cut w1', text: (e) => e.key ?? format.NONE},
        {title: 'Tokens', num: true, class: 'w3', text: (e) => tokensText(e.tokens)},
        {title: 'Cost', num: true, class: 'w2', text: (e) => format.dollars(e.cost_usd)},
        {title: 'First', num: true, class: 'w2', text: (e) => format.milliseconds(firstMs(e))},
        {title: 'Total', num: true, text: (e) => format.milliseconds(e.offsets_ms.ended)},
        {title: 'Phases', class: 'grow', node: bar},
      ]});
    const made = panel('Exchanges', {
      tools: [search, choice('Which', 'show', SHOWS, show, (value) => {
        show = value;
        view.updateAnew();
      }), choice('Scale of the bars', 'scale', SCALES, scale, (value) => {
        scale = value;
        view.updateAnew();
      })],
      body: [h('div', {class: 'phase-bar'}, fallLegend()), table.element]});
    host.append(made.element);
    const view = {
      updateAnew() {
        table.closeAll();
        view.update();
      },
      async poll() {
        answer = await api.get(`v1/exchanges?limit=${LIMIT}`);
      },
      update() {
        if (!answer) {
          return;
        }
        // What somebody reads must not slip away below others.
        if (table.isOpened) {
          setText(made.note, 'held while details are open');
          return;
        }
        const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
        const shown = answer.exchanges.filter((e) => matches(e, words) &&
          (show === 'all' || (show === 'failed' ? isFailed(e) : e.stream)));
        whole = Math.max(1, ...shown.map((e) => e.offsets_ms.ended ?? 0));
        setText(made.note, answer.recent_exchanges_max === 0 ? 'none are kept'
          : answer.exchanges.length === 0 ? ''
            : `${shown.length} of the last ${answer.exchanges.length}`);
        table.update(shown);
      },
    };
    return view;
  },
};
