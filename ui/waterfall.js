// The phases of one exchange, from the offsets that /v1/exchanges tells, and their bar: what
// happened when, from the first byte of the request to the last of the answer.
import {h, setLeft, setWidth} from './dom.js';
import * as format from './format.js';

export const PHASES = [
  ['receive', 'Receive'],
  ['gateway', 'Own work'],
  ['queue', 'Queue of the pool'],
  ['retried', 'Earlier attempts'],
  ['connect', 'Wait for a connection'],
  ['wait', 'Wait for the upstream'],
  ['token', 'First event'],
  ['stream', 'Answer'],
];
const NAMES = new Map(PHASES);

// [{name, from, to, label}] in milliseconds; what did not happen is left out.
export function phasesOf(exchange) {
  const o = exchange.offsets_ms;
  const end = o.ended ?? 0;
  const found = [];
  const add = (name, from, to, label = NAMES.get(name)) => {
    if (from !== null && to !== null && to > from) {
      found.push({name, from, to, label});
    }
  };
  add('receive', 0, o.received ?? end);
  if (o.received === null) {
    return found;
  }
  const addWorkAndQueue = (until) => {
    const from = Math.max(until - exchange.queued_ms, o.received);
    // What joined the call of another one had nothing to do itself.
    add(exchange.cache === 'join' ? 'wait' : 'gateway', o.received, from);
    add('queue', from, until);
  };
  // A simulator takes no connection: where it was asked, one is of an attempt before.
  const isSimulated = o.sent !== null && o.leased === null;
  const asked = isSimulated ? o.sent : o.lease_begun;
  if (asked === null) {
    addWorkAndQueue(o.responded ?? end);
    add('stream', o.responded, end);
    return found;
  }
  const first = Math.max((o.lease_begun ?? asked) - exchange.retried_ms, o.received);
  addWorkAndQueue(first);
  add('retried', first, asked);
  if (!isSimulated) {
    add('connect', asked, o.leased ?? end);
  }
  add('gateway', o.leased, o.sent, 'Send the request');
  add('wait', o.sent, o.first_byte ?? end);
  add('token', o.first_byte, o.first_event);
  const begun = o.first_event ?? o.first_byte;
  add('stream', begun, end);
  return found;
}

// A bar; `whole` is the time that its full length stands for.
export function fallBar(exchange, whole) {
  const phases = phasesOf(exchange);
  const text = phases.map((p) => `${p.label} ${format.milliseconds(p.to - p.from)}`);
  return h('span', {class: 'fall', role: 'img', 'aria-label': text.join(', '),
    title: text.join('\n')}, phases.map((phase) => piece(phase, whole)));
}

function piece(phase, whole) {
  const element = h('i', {class: `part-${phase.name}`});
  setLeft(element, whole > 0 ? phase.from / whole : 0);
  setWidth(element, whole > 0 ? (phase.to - phase.from) / whole : 0);
  return element;
}

// Each phase in a line of its own.
export function fallSteps(exchange) {
  const whole = exchange.offsets_ms.ended ?? 0;
  const phases = phasesOf(exchange);
  if (phases.length === 0) {
    return h('p', {class: 'faint'}, 'Its times are not known.');
  }
  return h('div', {class: 'steps'}, phases.flatMap((phase) => [
    h('span', {class: 'muted'}, phase.label),
    h('span', {class: 'fall'}, piece(phase, whole)),
    h('span', {class: 'num'}, format.milliseconds(phase.to - phase.from))]));
}

export function fallLegend() {
  return h('ul', {class: 'parts-legend', 'aria-label': 'Phases'}, PHASES.map(([name, label]) =>
    h('li', {}, h('span', {class: `swatch part-${name}`, 'aria-hidden': 'true'}), label)));
}
