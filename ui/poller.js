// Poller: runs one job again and again while somebody looks. It rests while the tab is hidden or
// somebody has paused it; after a failure it waits longer each time, and says so.

const PERIOD_MS = 2000;
const BACKOFF_MAX_MS = 15000;

export class Poller {
  // job: async; onState: ('live' | 'paused' | 'lost', seconds to wait, error); it does not wait
  // (0) where it rests.
  constructor(job, onState) {
    this.job = job;
    this.onState = onState;
    this.timer = null;
    this.failures = 0;
    this.isRunning = false;
    this.isPaused = false;
    this.isStarted = false;
    document.addEventListener('visibilitychange', () => this.#wake());
  }

  start() {
    this.isStarted = true;
    this.now();
  }

  stop() {
    this.isStarted = false;
    clearTimeout(this.timer);
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.onState(isPaused ? 'paused' : 'live');
    this.#wake();
  }

  // At once, whatever it waits for.
  now() {
    clearTimeout(this.timer);
    if (!this.isStarted) {
      return;
    }
    if (this.isRunning) {
      this.isDue = true;
      return;
    }
    this.#run();
  }

  #wake() {
    clearTimeout(this.timer);
    if (this.isStarted && !this.#rests()) {
      this.now();
    }
  }

  #rests() {
    return this.isPaused || document.visibilityState !== 'visible';
  }

  async #run() {
    this.isRunning = true;
    this.isDue = false;
    let wait = PERIOD_MS;
    try {
      await this.job();
      this.failures = 0;
      this.onState(this.isPaused ? 'paused' : 'live');
    } catch (error) {
      wait = Math.min(PERIOD_MS * 2 ** this.failures, BACKOFF_MAX_MS);
      this.failures += 1;
      this.onState('lost', this.#rests() ? 0 : wait / 1e3, error);
    }
    this.isRunning = false;
    if (!this.isStarted) {
      return;
    }
    if (this.isDue) {
      this.#run();
    } else if (!this.#rests()) {
      this.timer = setTimeout(() => this.#run(), wait);
    }
  }
}
