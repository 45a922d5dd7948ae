// The form of a virtual key: to make one and to change one. Fields that are left empty are not
// limited; what is changed is sent alone, as PATCH leaves the rest as it is.
import {api, segment} from './api.js';
import {form, toast} from './dialog.js';
import {button, field, h} from './dom.js';

const LIMITS = [
  ['requests_per_minute', 'Requests per minute'],
  ['requests_per_day', 'Requests per day'],
  ['tokens_per_minute', 'Tokens per minute'],
  ['tokens_per_day', 'Tokens per day'],
  ['concurrency_max', 'In flight at a time'],
];
const PERIODS = ['hour', 'day', 'week', 'month', 'total'];

const text = (value, more = {}) => h('input', {type: 'text', autocomplete: 'off', value, ...more});
const number = (value, more = {}) => h('input', {type: 'number', min: '0', step: '1',
  example: 'no limit', value: value ?? '', ...more});
const list = (input) => input.value.split(/[\s,]+/).filter(Boolean);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function inputsOf(key) {
  return {
    name: text(key?.name ?? '', {required: true, maxlength: '128'}),
    tenant: text(key?.tenant ?? ''),
    models: text((key?.models ?? []).join(', '), {example: 'all models'}),
    limits: new Map(LIMITS.map(([name]) => [name, number(key?.limits[name])])),
    usd: number(key?.budget.usd, {step: 'any', example: 'no budget'}),
    period: h('select', {}, PERIODS.map((p) => h('option', {value: p,
      selected: p === (key?.budget.period ?? 'month')}, p))),
    expires: h('input', {type: 'datetime-local', value: localTime(key?.expires_at)}),
    disabled: h('input', {type: 'checkbox', checked: key?.disabled === true}),
  };
}

// As such an input wants it: the time here, without a zone.
function localTime(at) {
  if (!at) {
    return '';
  }
  const when = new Date(at);
  return new Date(when.getTime() - when.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
}

function bodyOf(inputs) {
  const limits = {};
  for (const [name, input] of inputs.limits) {
    limits[name] = input.value === '' ? 0 : Number(input.value);
  }
  return {
    name: inputs.name.value.trim(),
    tenant: inputs.tenant.value.trim(),
    models: list(inputs.models),
    limits,
    budget: {usd: inputs.usd.value === '' ? 0 : Number(inputs.usd.value),
      period: inputs.period.value},
    expires_at: inputs.expires.value === '' ? null
      : new Date(inputs.expires.value).toISOString().replace(/\.\d+Z$/, 'Z'),
    disabled: inputs.disabled.checked,
  };
}

// Without what is empty, of a new key.
function trimmed(body) {
  const limits = Object.fromEntries(Object.entries(body.limits).filter(([, v]) => v > 0));
  const kept = {name: body.name};
  const optional = {tenant: body.tenant, models: body.models, limits,
    budget: body.budget.usd > 0 ? body.budget : {}, expires_at: body.expires_at ?? ''};
  for (const [name, value] of Object.entries(optional)) {
    if (Object.keys(value).length > 0) {
      kept[name] = value;
    }
  }
  return body.disabled ? {...kept, disabled: true} : kept;
}

// Only what differs from what the form began with.
function changed(before, after) {
  const body = {};
  for (const [name, value] of Object.entries(after)) {
    if (name === 'limits') {
      const limits = Object.entries(value).filter(([k, v]) => v !== before.limits[k]);
      if (limits.length > 0) {
        body.limits = Object.fromEntries(limits);
      }
    } else if (!same(value, before[name])) {
      body[name] = value;
    }
  }
  return body;
}

function fieldsOf(inputs) {
  return h('div', {class: 'form-grid'},
    field('Name', inputs.name, '(without spaces)'),
    field('Tenant', inputs.tenant, '(none if empty)'),
    h('div', {class: 'both'}, field('Models', inputs.models,
      '(with commas between; gpt-* takes all that begin so)')),
    LIMITS.map(([name, label]) => field(label, inputs.limits.get(name))),
    field('Expires', inputs.expires, '(never if empty)'),
    field('Budget in dollars', inputs.usd), field('Budget period', inputs.period),
    h('label', {class: 'check both'}, inputs.disabled, 'Disabled: refused until it is enabled'));
}

function showSecret(answer) {
  const secret = h('p', {class: 'secret', id: 'new-secret', tabindex: '0'}, answer.secret);
  const copy = button('Copy', async () => {
    try {
      await navigator.clipboard.writeText(answer.secret);
      toast('The secret is in the clipboard');
    } catch {
      getSelection().selectAllChildren(secret);
      toast('The browser does not allow it; the secret is selected', true);
    }
  });
  form({title: `The key ${answer.key.name} is made`, submit: null, body: [
    h('p', {class: 'muted'}, 'This is its secret. It is shown this once and kept nowhere: ' +
      'copy it now.'),
    secret, h('div', {}, copy),
    answer.in_force ? null : h('p', {class: 'form-error'},
      'A shard has not taken it yet; it does so before it looks at another request.')]
    .filter(Boolean)});
}

export function createKey(done) {
  const inputs = inputsOf(null);
  form({title: 'New key', submitText: 'Create key', body: fieldsOf(inputs),
    async submit() {
      const answer = await api.post('v1/keys', trimmed(bodyOf(inputs)));
      done();
      showSecret(answer);
      return false;
    }});
  inputs.name.focus();
}

export function editKey(key, done) {
  const inputs = inputsOf(key);
  const before = bodyOf(inputs);
  form({title: `Change ${key.name}`, submitText: 'Save', body: fieldsOf(inputs),
    async submit() {
      const body = changed(before, bodyOf(inputs));
      if (Object.keys(body).length > 0) {
        await api.patch(`v1/keys/${segment(key.id)}`, body);
        toast(`${body.name ?? key.name} is changed`);
        done();
      }
      return true;
    }});
}
