// Numbers, times and sums as a person reads them: units with each figure, few digits, all of them
// the same width. What is not known is a dash.

export const NONE = '–';

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

export function count(value) {
  return known(value) ? Math.round(value).toLocaleString('en-US') : NONE;
}

// 1,234 as it is; 123,456 as 123.5k.
export function compact(value) {
  if (!known(value)) {
    return NONE;
  }
  const steps = [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']];
  for (const [size, letter] of steps) {
    if (Math.abs(value) >= size) {
      const scaled = value / (letter === 'k' ? 1e3 : size);
      return `${scaled.toFixed(scaled >= 100 ? 0 : 1)}${letter}`;
    }
  }
  return count(value);
}

export function rate(value) {
  if (!known(value)) {
    return NONE;
  }
  if (value >= 1000) {
    return compact(value);
  }
  return value.toFixed(value >= 100 ? 0 : 1);
}

export function percent(share) {
  if (!known(share)) {
    return NONE;
  }
  const value = share * 100;
  return `${value.toFixed(value === 0 || value >= 10 ? 0 : value >= 1 ? 1 : 2)}%`;
}

// A number of seconds.
export function duration(seconds) {
  if (!known(seconds)) {
    return NONE;
  }
  const three = (value) => value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
  if (seconds < 0.001) {
    return seconds === 0 ? '0 ms' : `${Math.round(seconds * 1e6)} µs`;
  }
  if (seconds < 1) {
    return `${three(seconds * 1e3)} ms`;
  }
  return seconds < 60 ? `${three(seconds)} s` : span(seconds);
}

export const milliseconds = (ms) => duration(known(ms) ? ms / 1e3 : null);

// A value of an axis, without the zeros that only a value beside it needs.
export const tick = (text) => (/^[$]?0([. ]|$)[^1-9]*$/.test(text) ? '0'
  : text.replace(/\.0+(?=\D|$)/, ''));

// Of a longer time: its two largest units.
export function span(seconds) {
  if (!known(seconds)) {
    return NONE;
  }
  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) {
    return '0 s';
  }
  const [name, size] = units[first];
  const whole = Math.floor(seconds / size);
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds - whole * size) / next[1]) : 0;
  return rest > 0 ? `${whole} ${name} ${rest} ${next[0]}` : `${whole} ${name}`;
}

export function bytes(value) {
  if (!known(value)) {
    return NONE;
  }
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let scaled = value;
  while (scaled >= 1024 && unit + 1 < units.length) {
    scaled /= 1024;
    unit += 1;
  }
  return `${scaled.toFixed(unit === 0 || scaled >= 100 ? 0 : 1)} ${units[unit]}`;
}

// Small sums keep the digits that tell them apart.
export function dollars(value) {
  if (!known(value)) {
    return NONE;
  }
  if (value === 0) {
    return '$0.00';
  }
  const size = Math.abs(value);
  const places = size >= 1 ? 2 : size >= 0.01 ? 4 : 6;
  return `$${value.toLocaleString('en-US', {minimumFractionDigits: places,
    maximumFractionDigits: places})}`;
}

const pad = (number, width = 2) => String(number).padStart(width, '0');

export function clock(date, withMs = false) {
  const text = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return withMs ? `${text}.${pad(date.getMilliseconds(), 3)}` : text;
}

export function date(text) {
  if (!text) {
    return NONE;
  }
  const at = new Date(text);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ` +
    `${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

// "in 12 s", of a time to come; "12 s ago", of one that is over.
export function relative(text, now = Date.now()) {
  if (!text) {
    return NONE;
  }
  const seconds = (new Date(text).getTime() - now) / 1e3;
  return seconds >= 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
}

// requests_per_minute, as words.
export function words(name) {
  return name.replaceAll('_', ' ');
}
