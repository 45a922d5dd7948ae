// The start: the token where one is needed, the navigation, and the poll that feeds the view in
// front. A view is {title, subtitle, mount(host, context)}; mount returns {poll, update, destroy}.
import {api, token} from './api.js';
import {byId, h, setText} from './dom.js';
import {toast} from './dialog.js';
import {Live} from './live.js';
import {Poller} from './poller.js';
import {startTheme} from './theme.js';
import {cacheView} from './view_cache.js';
import {exchangesView} from './view_exchanges.js';
import {keysView} from './view_keys.js';
import {limitsView} from './view_limits.js';
import {overviewView} from './view_overview.js';
import {targetsView} from './view_targets.js';
import {usageView} from './view_usage.js';

const VIEWS = {
  overview: overviewView,
  targets: targetsView,
  exchanges: exchangesView,
  usage: usageView,
  cache: cacheView,
  limits: limitsView,
  keys: keysView,
};

const live = new Live();
let current = null;

async function poll() {
  const view = current;
  try {
    const [stats, histograms] = await Promise.all([api.get('v1/stats'), api.get('v1/histograms')]);
    live.push(stats, histograms);
    await view?.poll?.();
  } catch (error) {
    if (error.isRefused) {
      signOut('The token is not valid any more.');
      return;
    }
    throw error;
  }
  if (view === current) {
    view?.update?.();
  }
}

function showState(state, seconds = 0, error = null) {
  const words = {live: 'Live', paused: 'Paused', lost: 'Connection lost'};
  byId('state').dataset.state = state;
  setText(byId('state-text'), words[state]);
  byId('lost').hidden = state !== 'lost';
  if (error) {
    const next = seconds > 0 ? ` Trying again in ${seconds} s.` : '';
    setText(byId('lost-text'), error.message + next);
  }
}

const poller = new Poller(poll, showState);

function viewName() {
  const name = location.hash.slice(1);
  return Object.hasOwn(VIEWS, name) ? name : 'overview';
}

function showView() {
  current?.destroy?.();
  const name = viewName();
  const view = VIEWS[name];
  document.title = `${view.title} · Sluice`;
  setText(byId('title'), view.title);
  setText(byId('subtitle'), view.subtitle);
  byId('tools').replaceChildren();
  for (const link of byId('nav').querySelectorAll('a')) {
    if (link.hash === `#${name}`) {
      link.setAttribute('aria-current', 'page');
    } else {
      link.removeAttribute('aria-current');
    }
  }
  const host = h('div', {class: 'stack'});
  byId('main').replaceChildren(host);
  current = view.mount(host, {live, tools: byId('tools'), refresh: () => poller.now()});
  current.update?.();
  poller.now();
}

function makeNavigation() {
  byId('nav').replaceChildren(...Object.entries(VIEWS).map(([name, view]) =>
    h('li', {}, h('a', {href: `#${name}`}, view.title))));
  window.addEventListener('hashchange', showView);
  byId('skip').addEventListener('click', (event) => {
    event.preventDefault();
    byId('main').focus();
  });
  byId('pause').addEventListener('click', () => {
    const isPaused = byId('pause').getAttribute('aria-pressed') !== 'true';
    byId('pause').setAttribute('aria-pressed', String(isPaused));
    poller.pause(isPaused);
  });
  byId('retry').addEventListener('click', () => poller.now());
  byId('sign-out').addEventListener('click', () => signOut(''));
}

function enter(status) {
  byId('login').hidden = true;
  byId('app').hidden = false;
  byId('sign-out').hidden = token.get() === '';
  setText(byId('version'), status.version);
  showView();
  poller.start();
}

function askForToken(problem) {
  byId('app').hidden = true;
  byId('login').hidden = false;
  setText(byId('login-error'), problem);
  byId('token').value = '';
  byId('token').focus();
}

function signOut(problem) {
  poller.stop();
  token.clear();
  live.clear();
  current?.destroy?.();
  current = null;
  byId('main').replaceChildren();
  byId('dialog').close();
  askForToken(problem);
}

async function tryToEnter(refusedText) {
  try {
    // Asked first, as a refusal would be an error in the browser's own log.
    if (token.get() === '' && (await api.get('ui/access.json')).needs_token) {
      askForToken('');
      return;
    }
    enter(await api.get('v1/status'));
  } catch (error) {
    if (error.isRefused) {
      token.clear();
    }
    askForToken(error.isRefused ? refusedText : error.message);
  }
}

byId('login-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const given = byId('token').value.trim();
  if (!/^[\x21-\x7e]+$/.test(given)) {
    askForToken('A token has letters, digits and signs of ASCII only.');
    return;
  }
  token.set(given);
  await tryToEnter('That is not the token of this gateway.');
});
window.addEventListener('unhandledrejection', (event) => {
  toast(event.reason?.message ?? 'Something went wrong.', true);
});

startTheme(byId('theme'));
makeNavigation();
await tryToEnter('');
