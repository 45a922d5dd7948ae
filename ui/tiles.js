// A row of figures: a name, a number that is read from afar, and a word on it.
import {h, setAttribute, setText} from './dom.js';
import * as format from './format.js';

// tiles: [[label, value, note, unit]]; value and note are made of what update() gets.
export function tileRow(tiles) {
  const made = tiles.map(([label, value, note, unit = '']) => {
    const number = h('span', {}, format.NONE);
    const words = h('div', {class: 'tile-note'});
    const element = h('section', {class: 'tile', 'aria-label': label},
      h('div', {class: 'tile-label'}, label),
      h('div', {class: 'tile-value'}, number, h('span', {class: 'tile-unit'}, unit)), words);
    return {element, update(...values) {
      setText(number, value(...values));
      setText(words, note(...values));
      setAttribute(words, 'title', note(...values));
    }};
  });
  return {element: h('div', {class: 'tiles'}, made.map((tile) => tile.element)),
    update: (...values) => made.forEach((tile) => tile.update(...values))};
}
