// Asking before something that cannot be undone, forms in a dialog, and short words at the edge of
// the screen after a change. The dialog element itself keeps the focus within and gives it back.
import {byId, h} from './dom.js';

const TOAST_MS = 6000;

export function toast(text, isBad = false) {
  const element = h('div', {class: isBad ? 'toast bad' : 'toast'}, text);
  byId('toasts').append(element);
  setTimeout(() => element.remove(), TOAST_MS);
}

// Runs a change, and says how it went. True when it was done.
export async function attempt(work, done) {
  try {
    const answer = await work();
    toast(typeof done === 'function' ? done(answer) : done);
    return true;
  } catch (error) {
    toast(error.message, true);
    return false;
  }
}

// A form in the dialog. submit() may throw: its message is shown, and the form stays open.
export function form({title, body, submitText, kind = 'primary', submit = null}) {
  const dialog = byId('dialog');
  const problem = h('p', {class: 'form-error', role: 'alert'});
  const send = submit && h('button', {type: 'submit', class: `button ${kind}`}, submitText);
  const close = h('button', {type: 'button', class: 'button', on: {click: () => dialog.close()}},
    submit ? 'Cancel' : 'Done');
  const element = h('form', {method: 'dialog'}, h('h2', {id: 'dialog-title'}, title), body, problem,
    h('div', {class: 'dialog-foot'}, close, send));
  element.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (!submit) {
      dialog.close();
      return;
    }
    send.disabled = true;
    problem.textContent = '';
    try {
      if (await submit() !== false) {
        dialog.close();
      }
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      send.disabled = false;
    }
  });
  dialog.replaceChildren(element);
  // Nothing stays behind, a secret least of all.
  dialog.onclose = () => dialog.replaceChildren();
  if (!dialog.open) {
    dialog.showModal();
  }
}

export function confirm({title, text, action, run}) {
  form({title, body: [h('p', {class: 'muted'}, text)], submitText: action, kind: 'danger',
    submit: run});
}
