// Texts of both directions in one line: what somebody is called, or said, keeps its order.

// Letters of the scripts that are written from right to left.
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
// The signs of Unicode for it: what stands between them has the direction of its first letter, else
// left to right, and moves nothing around it.
const [FIRST_STRONG_ISOLATE, POP] = ["\u2068", "\u2069"];

/**
 * Whether something in a text is written from right to left.
 * @param {string} text
 */
export function goesLeft(text) {
  return RIGHT_TO_LEFT.test(text);
}

/**
 * A text that comes from elsewhere, to be put among ours. Where all goes one way it needs nothing.
 * @param {string} text
 * @param {string} direction  of ours
 */
export function isolate(text, direction) {
  const mayMix = direction === "rtl" || goesLeft(text);
  return text && mayMix ? `${FIRST_STRONG_ISOLATE}${text}${POP}` : text;
}

/**
 * Have texts isolate whatever is put into them.
 * @template {{ direction: string }} T
 * @param {T} texts
 * @returns {T}
 */
export function isolating(texts) {
  return /** @type {T} */ (each(texts, (text) => {
    if (typeof text !== "function") return text;
    return (/** @type {unknown[]} */ ...given) => text(...given.map((one) => each(one, (word) => {
      return typeof word === "string" ? isolate(word, texts.direction) : word;
    })));
  }));
}

/**
 * Change what is in an object, and in those within it; or the one thing, if it is none.
 * @param {unknown} value
 * @param {(value: unknown) => unknown} change
 * @returns {unknown}
 */
function each(value, change) {
  if (typeof value !== "object" || value === null) return change(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, each(one, change)]));
}
