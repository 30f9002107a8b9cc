// Every key of the page, in one table: `obey` acts by it, and the help sheet shows it. A place is a part
// of the page; its keys hold where the focus is in it. What each does is told in the texts (`help.keys`).
// Letters are written small; `Ctrl` is Command too; what browsers do by themselves is not listed.

export const KEYS = /** @type {const} */ ({
  page: {
    search: ["Ctrl+K", "/"],
    help: ["?"],
  },
  search: {
    open: ["Enter"],
    list: ["ArrowDown"],
    back: ["Escape"],
  },
  list: {
    next: ["ArrowDown"],
    previous: ["ArrowUp"],
    pageDown: ["PageDown"],
    pageUp: ["PageUp"],
    first: ["Home"],
    last: ["End"],
    pin: ["p"],
    back: ["Escape"],
  },
  call: {
    next: ["j"],
    previous: ["k"],
    copyLine: ["c"],
    follow: ["f"],
    find: ["s"],
    tools: ["m"],
    pin: ["p"],
    close: ["Delete"],
  },
  tiles: {
    left: ["ArrowLeft"],
    right: ["ArrowRight"],
    up: ["Alt+ArrowUp"],
    down: ["Alt+ArrowDown"],
    enlarge: ["Enter"],
    back: ["Escape"],
  },
  find: {
    next: ["Enter"],
    previous: ["Shift+Enter"],
    clear: ["Escape"],
  },
});

/** These are fields: elsewhere what is typed into a field is no key. @type {Set<Place>} */
const FIELDS = new Set(["find", "search"]);

/** @typedef {keyof typeof KEYS} Place */
/**
 * @template {Place} P
 * @typedef {keyof (typeof KEYS)[P] & string} Action
 */

/**
 * What is pressed, as a KeyboardEvent has it.
 * @typedef {{ key: string, ctrlKey: boolean, metaKey: boolean, altKey: boolean, shiftKey: boolean }} Pressed
 */

/**
 * What a key does in a place, or null.
 * @template {Place} P
 * @param {P} place
 * @param {Pressed} pressed
 * @param {boolean} typing  whether it goes into a field
 * @returns {Action<P> | null}
 */
export function actionOf(place, pressed, typing) {
  const name = nameOf(pressed);
  if (typing && !FIELDS.has(place) && !name.startsWith("Ctrl+")) return null;
  /** @type {[string, readonly string[]][]} */
  const actions = Object.entries(KEYS[place]);
  const found = actions.find(([, names]) => names.includes(name));
  return found ? /** @type {Action<P>} */ (found[0]) : null;
}

/**
 * The name of what is pressed, as the table writes it. A sign is a sign, with Shift or without: it is on
 * another key of each keyboard. With Ctrl it is not: Ctrl+Shift+K is the browser's.
 * @param {Pressed} pressed
 */
function nameOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  const isSign = [...key].length === 1;
  const control = ctrlKey || metaKey;
  const held = [control && "Ctrl+", altKey && "Alt+", shiftKey && (control || !isSign) && "Shift+"].filter(Boolean).join("");
  return held + (control ? key.toUpperCase() : isSign ? key.toLowerCase() : key);
}
