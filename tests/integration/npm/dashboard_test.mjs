// The dashboard in a real browser: it loads without an error or a request to anybody else, lets in
// who has the token, follows the traffic, drains a target and makes a key. dashboard_test.py starts
// the gateway and says where everything is; pictures are left in its folder of logs.
import assert from 'node:assert';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {chromium} from 'playwright-core';

const {ADMIN_URL, GATEWAY_URL, TEST_ADMIN_TOKEN, TEST_CLIENT_KEY} = process.env;
const {CHROMIUM, ARTEFACTS, OPEN_ADMIN_URL} = process.env;
const PATIENCE_MS = 20000;
const MARKUP = '<img src=x onerror=alert(1)>';

let browser = null;
let page = null;
const errors = [];
const requested = new Set();
let hasFailed = false;

// Each step goes on where the one before it ended.
function step(name, run) {
  test(name, async (context) => {
    if (hasFailed) {
      context.skip('a step before it has failed');
      return;
    }
    hasFailed = true;
    await run();
    hasFailed = false;
  });
}

before(async () => {
  browser = await chromium.launch({executablePath: CHROMIUM, timeout: PATIENCE_MS,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']});
  page = await browser.newPage({viewport: {width: 1440, height: 900}, colorScheme: 'light'});
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) {
      errors.push(`${message.text()} ${message.location().url}`);
    }
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('request', (request) => requested.add(new URL(request.url()).origin));
});

after(() => browser?.close());

function expectNoErrors() {
  assert.deepStrictEqual(errors.splice(0), []);
}

async function admin(way, method = 'GET', body = undefined) {
  const response = await fetch(`${ADMIN_URL}${way}`, {method, body: JSON.stringify(body),
    headers: {authorization: `Bearer ${TEST_ADMIN_TOKEN}`}});
  assert.ok(response.ok, `${method} ${way}: ${response.status}`);
  return response.json();
}

async function chat(key, {model = 'm', fields = {}, content = 'Hi'} = {}) {
  const response = await fetch(`${GATEWAY_URL}/pool/chat/completions`, {method: 'POST',
    headers: {'authorization': `Bearer ${key}`, 'content-type': 'application/json', ...fields},
    body: JSON.stringify({model, messages: [{role: 'user', content}]})});
  await response.text();
  return response.status;
}

// The views have no picture of their own.
async function expectNoMarkup() {
  assert.strictEqual(await page.locator('main img').count(), 0);
}

async function show(name) {
  await page.getByRole('navigation').getByRole('link', {name}).click();
  await page.getByRole('heading', {level: 1, name}).waitFor();
}

const picture = (name) => page.screenshot({path: path.join(ARTEFACTS, `dashboard_${name}.png`)});

step('loads without an error and asks for the token', async () => {
  await page.goto(`${ADMIN_URL}/ui`);
  await page.getByLabel('Admin token').waitFor();
  assert.strictEqual(new URL(page.url()).pathname, '/ui/');
  expectNoErrors();
});

step('refuses a wrong token', async () => {
  await page.getByLabel('Admin token').fill('wrong');
  await page.getByRole('button', {name: 'Continue'}).click();
  await page.getByText('That is not the token of this gateway.').waitFor();
  // The browser itself logs the refusal, and nothing else is said.
  assert.deepStrictEqual(errors.splice(0).filter((e) => !e.includes('401')), []);
  assert.strictEqual(await page.evaluate(() => sessionStorage.length), 0);
});

step('lets in who has the token, for this tab alone', async () => {
  await page.getByLabel('Admin token').fill(TEST_ADMIN_TOKEN);
  await page.getByRole('button', {name: 'Continue'}).click();
  await page.getByRole('heading', {level: 1, name: 'Overview'}).waitFor();
  assert.strictEqual(await page.evaluate(() => sessionStorage.length), 1);
  assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes(TEST_ADMIN_TOKEN));
  assert.strictEqual(await page.evaluate(() => document.cookie), '');
  await page.reload();
  await page.getByRole('heading', {level: 1, name: 'Overview'}).waitFor();
  expectNoErrors();
});

step('can be reached by keyboard', async () => {
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('Tab');
  assert.strictEqual(await page.evaluate(() => document.activeElement.id), 'skip');
  await page.keyboard.press('Enter');
  assert.strictEqual(await page.evaluate(() => document.activeElement.id), 'main');
  expectNoErrors();
});

step('follows the traffic', async () => {
  const note = page.getByRole('region', {name: 'Requests', exact: true}).locator('.tile-note');
  await note.filter({hasText: 'since the start'}).waitFor();
  const seen = Number((await note.innerText()).split(' ')[0]);
  for (let i = 0; i < 5; i += 1) {
    assert.strictEqual(await chat(TEST_CLIENT_KEY), 200);
  }
  await note.filter({hasText: `${seen + 5} since the start`}).waitFor();
  expectNoErrors();
});

step('shows exchanges with their phases', async () => {
  await show('Exchanges');
  const rows = page.locator('table.exchanges tbody tr');
  await rows.first().waitFor();
  await page.getByRole('button', {name: 'Details'}).first().click();
  await page.getByText('Wait for the upstream').nth(1).waitFor();
  assert.match(await page.locator('tr.detail').innerText(), /POST \/pool\/chat\/completions/);
  await picture('exchanges');
  expectNoErrors();
});

step('tells exchanges apart that have one request id', async () => {
  const fields = {'x-request-id': 'of-my-choice'};
  const all = Array.from({length: 20}, () => chat(TEST_CLIENT_KEY, {fields}));
  assert.deepStrictEqual(new Set(await Promise.all(all)), new Set([200]));
  // Details are open, which hold the list.
  await page.getByRole('button', {name: 'Details'}).first().click();
  await page.getByLabel('Show only exchanges with these words').fill('of-my-choice');
  await page.getByText(/^20 of the last \d+$/).waitFor();
  assert.strictEqual(await page.locator('table.exchanges tbody tr').count(), 20);
  expectNoErrors();
});

step('shows what clients send as text', async () => {
  assert.strictEqual(await chat(TEST_CLIENT_KEY, {model: MARKUP}), 200);
  await page.getByLabel('Show only exchanges with these words').fill('onerror');
  await page.getByRole('cell', {name: MARKUP, exact: true}).waitFor();
  await page.getByRole('button', {name: 'Details'}).click();
  await page.locator('tr.detail').getByText(MARKUP, {exact: true}).waitFor();
  await expectNoMarkup();
  await show('Usage');
  await page.getByText(MARKUP, {exact: true}).first().waitFor();
  await expectNoMarkup();
  expectNoErrors();
});

step('shows the content of an exchange as text', async () => {
  await show('Exchanges');
  assert.strictEqual(await chat(TEST_CLIENT_KEY, {model: 'wordy', content: MARKUP}), 200);
  await page.getByLabel('Show only exchanges with these words').fill('wordy');
  await page.getByText(/^1 of the last \d+$/).waitFor();
  await page.getByRole('button', {name: 'Details'}).click();
  const asked = page.getByRole('region', {name: 'Request body'}).locator('pre');
  assert.strictEqual(await asked.innerText(),
    JSON.stringify({model: 'wordy', messages: [{role: 'user', content: MARKUP}]}));
  const told = page.getByRole('region', {name: 'Response body'}).locator('pre');
  assert.strictEqual(JSON.parse(await told.innerText()).object, 'chat.completion');
  assert.ok(!(await page.locator('tr.detail').innerText()).includes(TEST_CLIENT_KEY));
  await expectNoMarkup();
  await picture('content');
  expectNoErrors();
});

step('drains a target', async () => {
  await show('Targets');
  const tile = page.getByRole('article', {name: 'two'});
  await tile.getByText('In service').waitFor();
  await tile.getByRole('button', {name: 'Drain two'}).click();
  await tile.getByText('Drained', {exact: true}).waitFor();
  const mode = async () => (await admin('/v1/targets?pool=chat')).pools[0].targets
    .find((target) => target.name === 'two').mode;
  assert.strictEqual(await mode(), 'drained');
  await picture('targets');
  await tile.getByRole('button', {name: 'Activate two'}).click();
  await tile.getByText('In service').waitFor();
  assert.strictEqual(await mode(), 'active');
  expectNoErrors();
});

step('makes a key that works, and revokes it', async () => {
  await show('Keys');
  await page.getByRole('button', {name: 'New key'}).click();
  await page.getByLabel('Name').fill('made-here');
  await page.getByLabel('Requests per minute').fill('600');
  await page.getByRole('button', {name: 'Create key'}).click();
  const secret = await page.locator('#new-secret').innerText();
  assert.match(secret, /^sk-sluice-/);
  assert.strictEqual(await chat(secret), 200);
  await page.getByRole('button', {name: 'Done'}).click();
  const row = page.getByRole('row', {name: /made-here/});
  assert.match(await row.innerText(), /600 requests per minute/);
  assert.ok(!(await page.content()).includes(secret), 'the secret is still in the page');
  await row.getByRole('button', {name: 'Revoke made-here'}).click();
  await page.getByRole('button', {name: 'Revoke for good'}).click();
  await row.getByText('Revoked').waitFor();
  assert.strictEqual(await chat(secret), 401);
  expectNoErrors();
});

step('changes the period of a budget that is a soft limit alone', async () => {
  const {key} = await admin('/v1/keys', 'POST', {name: 'soft', budget: {soft_usd: 20,
    period: 'week'}});
  const budget = async () => (await admin(`/v1/keys/${key.id}`)).budget;
  assert.deepStrictEqual(await budget(), {soft_usd: 20, period: 'week'});
  await page.getByRole('button', {name: 'Change soft'}).click();
  await page.getByLabel('Budget period').selectOption('day');
  await page.getByRole('button', {name: 'Save'}).click();
  await page.getByText('soft is changed').waitFor();
  assert.deepStrictEqual(await budget(), {soft_usd: 20, period: 'day'});
  await page.getByRole('row', {name: /soft/}).getByText('$20.00 / day').waitFor();
  expectNoErrors();
});

step('shows every view in both themes', async () => {
  for (const name of ['Usage', 'Cache', 'Limits', 'Overview']) {
    await show(name);
    await page.locator('main table:visible, main .empty strong:visible').first().waitFor();
  }
  await picture('light');
  await page.getByText('Dark', {exact: true}).click();
  assert.strictEqual(await page.evaluate(() =>
    getComputedStyle(document.documentElement).colorScheme), 'dark');
  await picture('dark');
  expectNoErrors();
});

step('says when the connection is lost, and goes on', async () => {
  await page.route('**/v1/stats', (route) => route.abort());
  const banner = page.getByRole('alert').filter({hasText: 'Connection lost'});
  await banner.waitFor();
  await page.unroute('**/v1/stats');
  await page.getByRole('button', {name: 'Try now'}).click();
  await banner.waitFor({state: 'hidden'});
  // What the browser logs of the requests that were cut.
  assert.deepStrictEqual(errors.splice(0).filter((e) => !e.includes('/v1/stats')), []);
});

step('has asked nobody but the gateway', async () => {
  assert.deepStrictEqual([...requested], [ADMIN_URL]);
});

step('goes straight in where no token is needed', async () => {
  const other = await browser.newPage();
  await other.goto(`${OPEN_ADMIN_URL}/ui#keys`);
  await other.getByRole('heading', {level: 1, name: 'Keys'}).waitFor();
  await other.getByText('There are no keys').waitFor();
  assert.strictEqual(await other.evaluate(() => sessionStorage.length), 0);
});
