// Light, dark, or as the system has it; and the colours in force, for what is drawn on a canvas.
// The choice is kept for the next visit; it is no secret.

const KEY = 'sluice-theme';
const listeners = new Set();
const colours = new Map();
const probe = document.createElement('span');

function changed() {
  colours.clear();
  for (const listener of listeners) {
    listener();
  }
}

function apply(theme) {
  if (theme === 'auto') {
    document.documentElement.removeAttribute('data-theme');
  } else {
    document.documentElement.setAttribute('data-theme', theme);
  }
  changed();
}

export function startTheme(fieldset) {
  probe.hidden = true;
  document.body.append(probe);
  const chosen = localStorage.getItem(KEY) ?? 'auto';
  for (const input of fieldset.querySelectorAll('input')) {
    input.checked = input.value === chosen;
    input.addEventListener('change', () => {
      localStorage.setItem(KEY, input.value);
      apply(input.value);
    });
  }
  apply(chosen);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);
}

// Called after each change, until the function that it returns is called.
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// The value of a colour of theme.css, as the theme in force has it.
export function colour(name) {
  if (!colours.has(name)) {
    probe.style.color = `var(--${name})`;
    colours.set(name, getComputedStyle(probe).color);
  }
  return colours.get(name);
}
