// How the reader wants to read: what may be chosen, and what of it was kept.

/** What may be chosen; the first is so until another one is. */
export const CHOICES = /** @type {const} */ ({
  size: ["normal", "small", "large", "largest"],
  density: ["comfortable", "compact"],
  theme: ["system", "light", "dark"],
  times: ["on", "off"],
  uncertain: ["off", "on"],
});

/** @typedef {keyof typeof CHOICES} Choice */
/** @typedef {{ [C in Choice]: (typeof CHOICES)[C][number] } & { language: string }} Settings  `""`: the browser's */

// What is kept may be anything: another version's, or written by hand.
const LANGUAGE = /^[a-z]{2,3}$/;

/**
 * Read what was kept: of each choice one that there is.
 * @param {string | null} kept
 * @returns {Settings}
 */
export function readSettings(kept) {
  const found = parse(kept);
  const chosen = Object.entries(CHOICES).map(([name, values]) => {
    const value = Object.hasOwn(found, name) ? found[name] : null;
    return [name, values.find((one) => one === value) ?? values[0]];
  });
  const language = String(found.language ?? "");
  return /** @type {Settings} */ ({ ...Object.fromEntries(chosen), language: LANGUAGE.test(language) ? language : "" });
}

/**
 * @param {string | null} text
 * @returns {Record<string, unknown>}
 */
function parse(text) {
  try {
    const found = JSON.parse(text ?? "{}");
    return typeof found === "object" && found ? found : {};
  } catch {
    return {};
  }
}
