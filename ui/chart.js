// LineChart: one small chart on a canvas of its own: lines over time from zero up, labels with
// units, and the values at the place where the pointer or the arrow keys are. Drawn in the pixels
// of the screen, again after each update, change of size or theme.
import {h, setText} from './dom.js';
import * as format from './format.js';
import {nearest, niceScale, timeTicks} from './scale.js';
import {colour, onTheme} from './theme.js';

const LEFT = 50;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 20;
// A poll that took this much longer than usual leaves a gap in the line.
const GAP_MS = 12000;
// The least time that is shown.
const AGE_MIN_MS = 60000;

export class LineChart {
  // series: [{name, colour, of: (point) => value, fill}], unit: text of a value.
  // floor: the least that the axis reaches up to.
  constructor({title, note = '', series, unit, floor = 0, isBytes = false}) {
    Object.assign(this, {series, unit, floor, isBytes, title});
    this.points = [];
    this.range = [0, 1];
    this.cursor = null;
    this.canvas = h('canvas', {tabindex: '0', role: 'img', 'aria-label': title});
    this.values = series.map(() => h('b', {}, format.NONE));
    this.tip = h('div', {class: 'chart-tip', hidden: true});
    const legend = h('ul', {class: 'chart-legend'}, series.map((s, i) => {
      const swatch = h('span', {class: 'swatch', 'aria-hidden': 'true'});
      swatch.style.background = `var(--${s.colour})`;
      return h('li', {}, swatch, s.name, this.values[i]);
    }));
    this.element = h('section', {class: 'panel', 'aria-label': title},
      h('div', {class: 'panel-head'}, h('h2', {}, title), h('span', {class: 'note'}, note), legend),
      h('div', {class: 'chart-body'}, this.canvas, this.tip));
    this.#listen();
  }

  #listen() {
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.canvas);
    this.forgetTheme = onTheme(() => this.draw());
    this.canvas.addEventListener('pointermove', (event) => this.#pointAt(event.offsetX));
    this.canvas.addEventListener('pointerleave', () => this.#leave());
    this.canvas.addEventListener('blur', () => this.#leave());
    this.canvas.addEventListener('keydown', (event) => this.#key(event));
  }

  destroy() {
    this.observer.disconnect();
    this.forgetTheme();
  }

  // Points of the last `seconds`; of less, as long as there are not so many.
  update(points, seconds, now = Date.now()) {
    const age = points.length > 0 ? now - points[0].at : 0;
    this.range = [now - Math.min(seconds * 1e3, Math.max(age, AGE_MIN_MS)), now];
    this.points = points.filter((p) => p.at >= this.range[0] - GAP_MS);
    const last = points.at(-1);
    const texts = this.series.map((s) => (last ? this.unit(s.of(last)) : format.NONE));
    texts.forEach((text, i) => setText(this.values[i], text));
    this.canvas.setAttribute('aria-label', `${this.title}: ` +
      this.series.map((s, i) => `${s.name} ${texts[i]}`).join(', '));
    if (this.cursor !== null && this.points.length > 0) {
      this.cursor = this.points[nearest(this.points, this.cursor.at)];
    }
    this.draw();
  }

  #key(event) {
    const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (step === undefined || this.points.length === 0) {
      return;
    }
    event.preventDefault();
    const at = this.cursor ? nearest(this.points, this.cursor.at) + step : this.points.length - 1;
    this.cursor = this.points[Math.min(Math.max(at, 0), this.points.length - 1)];
    this.draw();
  }

  #pointAt(x) {
    if (this.points.length > 0) {
      const [from, to] = this.range;
      const part = (x - LEFT) / (this.width - LEFT - RIGHT);
      this.cursor = this.points[nearest(this.points, from + part * (to - from))];
      this.draw();
    }
  }

  #leave() {
    this.cursor = null;
    this.draw();
  }

  draw() {
    const box = this.canvas.getBoundingClientRect();
    if (box.width === 0) {
      return;
    }
    const ratio = window.devicePixelRatio || 1;
    this.width = box.width;
    this.height = box.height;
    this.canvas.width = Math.round(box.width * ratio);
    this.canvas.height = Math.round(box.height * ratio);
    this.context = this.canvas.getContext('2d');
    this.context.scale(ratio, ratio);
    const values = this.points.flatMap((p) => this.series.map((s) => s.of(p) ?? 0));
    this.scale = niceScale(Math.max(this.floor, ...values), 3, this.isBytes);
    this.#axes();
    for (const series of this.series) {
      this.#line(series);
    }
    if (this.points.length < 2) {
      this.#word('Collecting the first values');
    }
    this.#cursorLine();
  }

  #x(at) {
    const [from, to] = this.range;
    return LEFT + ((at - from) / (to - from)) * (this.width - LEFT - RIGHT);
  }

  #y(value) {
    return this.height - BOTTOM - (value / this.scale.top) * (this.height - TOP - BOTTOM);
  }

  #axes() {
    const c = this.context;
    c.font = `11px ${getComputedStyle(this.canvas).fontFamily}`;
    c.lineWidth = 1;
    c.textBaseline = 'middle';
    c.textAlign = 'right';
    for (const tick of this.scale.ticks) {
      const y = Math.round(this.#y(tick)) + 0.5;
      c.strokeStyle = colour(tick === 0 ? 'line-strong' : 'grid');
      c.beginPath();
      c.moveTo(LEFT, y);
      c.lineTo(this.width - RIGHT, y);
      c.stroke();
      c.fillStyle = colour('faint');
      c.fillText(format.tick(this.unit(tick)), LEFT - 7, y);
    }
    c.textAlign = 'center';
    const [from, to] = this.range;
    for (const tick of timeTicks(from, to, Math.max(2, Math.floor(this.width / 105)))) {
      const x = this.#x(tick);
      if (x > LEFT + 22 && x < this.width - 28) {
        c.fillText(format.clock(new Date(tick)), x, this.height - 7);
      }
    }
  }

  // A line, broken where a value is missing.
  #line(series) {
    const runs = [];
    let before = null;
    for (const point of this.points) {
      const value = series.of(point);
      if (value === null || value === undefined) {
        before = null;
        continue;
      }
      if (before === null || point.at - before.at > GAP_MS) {
        runs.push([]);
      }
      runs.at(-1).push([this.#x(point.at), this.#y(value)]);
      before = point;
    }
    const c = this.context;
    c.save();
    c.beginPath();
    c.rect(LEFT, 0, this.width - LEFT - RIGHT, this.height - BOTTOM + 1);
    c.clip();
    c.lineJoin = 'round';
    c.lineWidth = 1.6;
    c.strokeStyle = colour(series.colour);
    c.fillStyle = colour(series.colour);
    for (const run of runs) {
      this.#run(run, series.fill === true);
    }
    c.restore();
  }

  #run(run, isFilled) {
    const c = this.context;
    c.beginPath();
    run.forEach(([x, y], i) => (i === 0 ? c.moveTo(x, y) : c.lineTo(x, y)));
    c.stroke();
    if (run.length === 1) {
      c.fillRect(run[0][0] - 1, run[0][1] - 1, 2, 2);
    }
    if (isFilled) {
      c.lineTo(run.at(-1)[0], this.#y(0));
      c.lineTo(run[0][0], this.#y(0));
      c.globalAlpha = 0.1;
      c.fill();
      c.globalAlpha = 1;
    }
  }

  #word(text) {
    const c = this.context;
    c.fillStyle = colour('faint');
    c.textAlign = 'center';
    c.font = `12px ${getComputedStyle(this.canvas).fontFamily}`;
    c.fillText(text, (LEFT + this.width) / 2, (this.height - BOTTOM) / 2);
  }

  #cursorLine() {
    this.tip.hidden = this.cursor === null;
    if (this.cursor === null) {
      return;
    }
    const c = this.context;
    const x = Math.round(this.#x(this.cursor.at)) + 0.5;
    c.strokeStyle = colour('line-strong');
    c.beginPath();
    c.moveTo(x, TOP);
    c.lineTo(x, this.height - BOTTOM);
    c.stroke();
    for (const series of this.series) {
      const value = series.of(this.cursor);
      if (value !== null && value !== undefined) {
        c.fillStyle = colour(series.colour);
        c.beginPath();
        c.arc(x, this.#y(value), 3, 0, Math.PI * 2);
        c.fill();
      }
    }
    this.#tipAt(x);
  }

  #tipAt(x) {
    this.tip.replaceChildren(
      h('div', {class: 'when'}, format.clock(new Date(this.cursor.at))),
      h('dl', {}, this.series.flatMap((s) => {
        const swatch = h('span', {class: 'swatch'});
        swatch.style.background = `var(--${s.colour})`;
        return [swatch, h('dt', {}, s.name), h('dd', {}, this.unit(s.of(this.cursor)))];
      })));
    const isRight = x > this.width * 0.6;
    this.tip.style.left = isRight ? 'auto' : `${x + 20}px`;
    this.tip.style.right = isRight ? `${this.width - x + 20}px` : 'auto';
  }
}
