// Table: rows with keys under named columns, changed in place: a row stays the same element for as
// long as its key is there, so that buttons keep their focus and an opened row stays open.
import {empty, h, setClass, setText} from './dom.js';

export class Table {
  // columns: [{title, num, class, text: (row) => text, tone: (row) => class,
  //            node: (row) => element with an optional update(row)}]
  // detail: (row) => element with an optional update(row), shown below a row that is opened.
  constructor({caption, columns, key, nothing, detail = null, onClosed = null, kind = '',
    rowClass = null}) {
    Object.assign(this, {columns, key, nothing, detail, onClosed, rowClass});
    this.rows = new Map();
    this.opened = new Map();
    const head = columns.map((c) => h('th', {scope: 'col', class: this.#classOf(c)}, c.title));
    if (detail) {
      head.unshift(h('th', {scope: 'col'}, h('span', {class: 'quiet'}, 'Details')));
    }
    this.body = h('tbody');
    this.table = h('table', {class: kind}, h('caption', {}, caption),
      h('thead', {}, h('tr', {}, head)), this.body);
    this.nothing = empty(...nothing);
    this.element = h('div', {class: 'scroll'}, this.table, this.nothing);
  }

  #classOf(column) {
    return [column.num ? 'num' : '', column.class ?? ''].join(' ').trim();
  }

  update(items) {
    this.table.hidden = items.length === 0;
    this.nothing.hidden = items.length > 0;
    const seen = new Set();
    const wanted = [];
    for (const item of items) {
      const key = this.key(item);
      seen.add(key);
      const row = this.rows.get(key) ?? this.#make(key, item);
      this.#fill(row, item);
      wanted.push(row.element);
      const opened = this.opened.get(key);
      if (opened) {
        opened.content.update?.(item);
        wanted.push(opened.element);
      }
    }
    for (const key of [...this.rows.keys()].filter((k) => !seen.has(k))) {
      this.rows.delete(key);
      this.opened.delete(key);
    }
    this.#arrange(wanted);
  }

  get isOpened() {
    return this.opened.size > 0;
  }

  closeAll() {
    for (const [key, opened] of this.opened) {
      opened.element.remove();
      this.rows.get(key)?.opener.setAttribute('aria-expanded', 'false');
    }
    this.opened.clear();
  }

  // Moves as little as possible: an element that is moved loses the focus.
  #arrange(wanted) {
    const kept = new Set(wanted);
    for (const child of [...this.body.children]) {
      if (!kept.has(child)) {
        child.remove();
      }
    }
    wanted.forEach((element, i) => {
      if (this.body.children[i] !== element) {
        this.body.insertBefore(element, this.body.children[i] ?? null);
      }
    });
  }

  #make(key, item) {
    const cells = this.columns.map((c) => h('td', {class: this.#classOf(c)}));
    const row = {cells, nodes: [], item, element: h('tr', {}, cells)};
    if (this.detail) {
      row.opener = h('button', {type: 'button', class: 'opener', 'aria-expanded': 'false',
        'aria-label': 'Details', on: {click: () => this.#toggle(key)}});
      row.element.prepend(h('td', {}, row.opener));
    }
    this.columns.forEach((column, i) => {
      if (column.node) {
        row.nodes[i] = column.node(item);
        cells[i].append(row.nodes[i]);
      }
    });
    this.rows.set(key, row);
    return row;
  }

  #fill(row, item) {
    row.item = item;
    if (this.rowClass) {
      setClass(row.element, this.rowClass(item));
    }
    this.columns.forEach((column, i) => {
      if (column.node) {
        row.nodes[i].update?.(item);
        return;
      }
      const text = column.text(item);
      setText(row.cells[i], text);
      if (column.class?.startsWith('cut') && row.cells[i].title !== text) {
        row.cells[i].title = text;
      }
      if (column.tone) {
        setClass(row.cells[i], `${this.#classOf(column)} ${column.tone(item) ?? ''}`.trim());
      }
    });
  }

  #toggle(key) {
    const row = this.rows.get(key);
    const opened = this.opened.get(key);
    row.opener.setAttribute('aria-expanded', String(!opened));
    if (opened) {
      opened.element.remove();
      this.opened.delete(key);
      this.onClosed?.();
      return;
    }
    const content = this.detail(row.item);
    content.update?.(row.item);
    const element = h('tr', {class: 'detail'},
      h('td', {colspan: String(this.columns.length + 1)}, content.element));
    this.opened.set(key, {content, element});
    row.element.after(element);
  }
}
