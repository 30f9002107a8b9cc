// What is loaded once it is wanted: modules, sheets. One that cannot be had now is tried again, and comes once
// the service has it: whoever waits for it need not ask twice.

/**
 * @typedef {object} LoadListener
 * @property {(isAsked: boolean) => void} failed  it is tried again later; whether somebody asked for it just now
 * @property {() => void} loaded  nothing is missing any more
 */

// After so long (ms) a service that seems to be there is asked again.
const AGAIN = 30_000;

/** @type {Map<() => Promise<unknown>, Promise<unknown>>} what is being loaded, by what loads it */
const loading = new Map();
/** @type {(() => void)[]} what waits until it is tried again */
const waiting = [];
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
/** @type {Set<() => Promise<unknown>>} what somebody asked for since it was told that it is missing */
const asked = new Set();
let isTold = false; // that something is missing
let turn = 0; // of what is to come before the reader: the latest counts
/** @type {LoadListener} */
let listener = { failed() {}, loaded() {} };

/** @param {LoadListener} told */
export function tellOfLoading(told) {
  listener = told;
}

/** The service is there again: what is missing is tried again. */
export function tryAgain() {
  clearTimeout(timer);
  timer = undefined;
  for (const one of waiting.splice(0)) one();
}

/**
 * Load something; it is there once this resolves, however long that takes. It never fails.
 * @template T
 * @param {() => Promise<T>} load  the same function each time: what is being loaded is not loaded twice
 * @returns {Promise<T>}
 */
export function later(load) {
  asked.add(load);
  const found = /** @type {Promise<T> | undefined} */ (loading.get(load)) ?? attempt(load);
  loading.set(load, found);
  tryAgain();
  return found;
}

/**
 * What was wanted before the reader, as a menu; null if they have gone on meanwhile, or asked for something else.
 * @template T
 * @param {Promise<T>} wanted
 */
export async function unlessGone(wanted) {
  const [mine, { activeElement }] = [++turn, document];
  const found = await wanted;
  return mine === turn && document.activeElement === activeElement ? found : null;
}

/**
 * @template T
 * @param {() => Promise<T>} load
 */
async function attempt(load) {
  for (let tries = 1; ; tries += 1) {
    try {
      const loaded = await load();
      loading.delete(load);
      asked.delete(load);
      if (isTold && !loading.size) {
        isTold = false;
        listener.loaded();
      }
      return loaded;
    } catch {
      if (tries === 1) continue; // by chance, maybe
      isTold = true;
      listener.failed(asked.delete(load));
      await new Promise((done) => {
        waiting.push(() => done(null));
        timer ??= setTimeout(tryAgain, AGAIN);
      });
    }
  }
}
