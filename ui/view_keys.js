// Keys: the virtual keys, what each may do, and making, changing and revoking them. From /v1/keys;
// what the configuration names is changed there only.
import {api, segment} from './api.js';
import {attempt, confirm} from './dialog.js';
import {button, h, panel, setClass, setText} from './dom.js';
import * as format from './format.js';
import {createKey, editKey} from './key_form.js';
import {Table} from './table.js';

const LIMIT = 500;

function stateOf(key) {
  if (key.revoked_at) {
    return ['bad', 'Revoked'];
  }
  if (key.disabled) {
    return ['warn', 'Disabled'];
  }
  if (key.expires_at && new Date(key.expires_at) < new Date()) {
    return ['warn', 'Expired'];
  }
  return ['good', 'Active'];
}

function stateBadge() {
  const element = h('span', {class: 'badge'});
  element.update = (key) => {
    const [tone, words] = stateOf(key);
    setClass(element, `badge ${tone}`);
    setText(element, words);
  };
  return element;
}

function limitsText(key) {
  const limits = Object.entries(key.limits).map(([name, value]) =>
    `${format.compact(value)} ${format.words(name)}`);
  return limits.length > 0 ? limits.join(', ') : 'none';
}

function budgetText(key) {
  const sum = key.budget.usd ?? key.budget.soft_usd;
  return sum === undefined ? 'none' : `${format.dollars(sum)} / ${key.budget.period}`;
}

export const keysView = {
  title: 'Keys',
  subtitle: 'Virtual keys: who may ask, for what, and how much',
  mount(host, {tools, refresh}) {
    let answer = null;
    const revoke = (key) => confirm({title: `Revoke ${key.name}?`, action: 'Revoke for good',
      text: 'It is refused from the next request on and cannot be taken back. Its record stays.',
      async run() {
        await attempt(() => api.remove(`v1/keys/${segment(key.id)}`), `${key.name} is revoked`);
        refresh();
      }});
    const actions = (first) => {
      let key = first;
      const edit = button('Change', () => editKey(key, refresh));
      const end = button('Revoke', () => revoke(key), {kind: 'danger'});
      const words = h('span', {class: 'fine'});
      const element = h('div', {class: 'actions'}, words, edit, end);
      element.update = (now) => {
        key = now;
        const isFixed = key.origin !== 'file';
        setText(words, isFixed ? 'in the configuration' : key.revoked_at
          ? format.relative(key.revoked_at) : '');
        edit.hidden = isFixed || key.revoked_at !== null;
        end.hidden = edit.hidden;
        edit.setAttribute('aria-label', `Change ${key.name}`);
        end.setAttribute('aria-label', `Revoke ${key.name}`);
      };
      return element;
    };
    const table = new Table({caption: 'Virtual keys', key: (key) => key.id,
      nothing: ['There are no keys', 'Whoever reaches the gateway may use it, unless a route has ' +
        'a processor of type "authenticate". With keys.file in the configuration, keys are made ' +
        'here.'],
      columns: [
        {title: 'Name', class: 'cut', text: (key) => key.name},
        {title: 'State', node: stateBadge},
        {title: 'Secret', class: 'mono', text: (key) => (key.prefix ? `${key.prefix}…`
          : format.NONE)},
        {title: 'Tenant', class: 'cut', text: (key) => key.tenant || format.NONE},
        {title: 'Models', class: 'cut', text: (key) => key.models.join(', ') || 'all'},
        {title: 'Limits', class: 'cut', text: limitsText},
        {title: 'Budget', num: true, text: budgetText},
        {title: 'Expires', text: (key) => (key.expires_at ? format.date(key.expires_at)
          : 'never')},
        {title: 'Actions', num: true, node: actions},
      ]});
    const made = panel('Virtual keys', {body: table.element});
    tools.replaceChildren(button('New key', () => createKey(refresh), {kind: 'primary'}));
    host.append(made.element);
    return {
      async poll() {
        answer = await api.get(`v1/keys?limit=${LIMIT}`);
      },
      update() {
        if (answer) {
          setText(made.note, answer.total > answer.keys.length
            ? `the first ${answer.keys.length} of ${answer.total}` : `${answer.total}`);
          table.update(answer.keys);
        }
      },
    };
  },
};
