// The admin API as the page uses it: one request at a time, with the token, and errors in words.
// The token is kept for this tab alone (sessionStorage), and sent nowhere but to the listener that
// the page came from.

const TOKEN_KEY = 'sluice-admin-token';
const PATIENCE_MS = 10000;
// The page stands in /ui/, wherever a proxy has put that.
const BASE = new URL('../', import.meta.url);

export class ApiError extends Error {
  // status 0: there was no answer.
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  get isRefused() {
    return this.status === 401;
  }
}

export const token = {
  get: () => sessionStorage.getItem(TOKEN_KEY) ?? '',
  set: (value) => sessionStorage.setItem(TOKEN_KEY, value),
  clear: () => sessionStorage.removeItem(TOKEN_KEY),
};

async function ask(method, path, body) {
  const headers = {};
  if (token.get() !== '') {
    headers.authorization = `Bearer ${token.get()}`;
  }
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
  }
  let response = null;
  let text = '';
  try {
    response = await fetch(new URL(path, BASE), {method, headers, cache: 'no-store',
      credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS),
      body: body === undefined ? undefined : JSON.stringify(body)});
    text = await response.text();
  } catch (error) {
    throw new ApiError(0, 'no_answer', error.name === 'TimeoutError'
      ? 'The gateway has not answered within ten seconds.' : 'The gateway cannot be reached.');
  }
  let answer = null;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new ApiError(response.status, 'no_json', `The answer (${response.status}) is no JSON.`);
  }
  if (!response.ok) {
    throw new ApiError(response.status, answer.error?.code ?? 'unknown',
      answer.error?.message ?? `The gateway answered ${response.status}.`);
  }
  return answer;
}

export const api = {
  get: (path) => ask('GET', path),
  post: (path, body) => ask('POST', path, body),
  patch: (path, body) => ask('PATCH', path, body),
  remove: (path) => ask('DELETE', path),
};

// A name within a path.
export const segment = (name) => encodeURIComponent(name);
