// Making elements and changing them in place. Texts are always texts: nothing that the gateway says
// is ever read as markup. Updates touch only what differs, so that focus, selections and the place
// where somebody reads stay as they are.

// h('td', {class: 'num', on: {click: f}, 'aria-label': 'x'}, 'text', child, …)
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) {
      continue;
    }
    if (name === 'on') {
      for (const [event, listener] of Object.entries(value)) {
        element.addEventListener(event, listener);
      }
    } else if (name === 'example') {
      element.setAttribute('placeholder', value); // tidy:allow(word) what HTML calls an example
    } else if (name === 'value') {
      element.value = value;
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function byId(id) {
  return document.getElementById(id);
}

export function setText(element, text) {
  const wanted = String(text);
  if (element.textContent !== wanted) {
    element.textContent = wanted;
  }
}

export function setClass(element, name) {
  if (element.className !== name) {
    element.className = name;
  }
}

export function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, String(value));
  }
}

// A share from 0 to 1 as a length; styles by attribute are not allowed here, those by object are.
export function setWidth(element, share) {
  const width = `${(Math.min(Math.max(share, 0), 1) * 100).toFixed(2)}%`;
  if (element.style.width !== width) {
    element.style.width = width;
  }
}

export function setLeft(element, share) {
  element.style.left = `${(Math.min(Math.max(share, 0), 1) * 100).toFixed(2)}%`;
}

export function panel(title, {note = '', tools = [], body = []} = {}) {
  const noteElement = h('span', {class: 'note'}, note);
  const element = h('section', {class: 'panel', 'aria-label': title},
    h('div', {class: 'panel-head'}, h('h2', {}, title), noteElement,
      tools.length > 0 ? h('div', {class: 'push'}, tools) : null),
    body);
  return {element, note: noteElement};
}

export function empty(title, text) {
  return h('div', {class: 'empty'}, h('strong', {}, title), h('p', {}, text));
}

export function field(label, input, hint = '') {
  return h('label', {class: 'field'}, h('span', {}, label, hint ? ' ' : null,
    hint ? h('span', {class: 'fine'}, hint) : null), input);
}

export function button(text, onClick, {kind = '', label = null} = {}) {
  return h('button', {type: 'button', class: `button ${kind}`.trim(), 'aria-label': label,
    on: {click: onClick}}, text);
}

// A choice of few: a row of radio buttons.
export function choice(legend, name, options, chosen, onChange) {
  return h('fieldset', {class: 'switch'}, h('legend', {class: 'quiet'}, legend),
    options.map(([value, text]) => h('label', {},
      h('input', {type: 'radio', name, value, checked: value === chosen,
        on: {change: () => onChange(value)}}), h('span', {}, text))));
}
