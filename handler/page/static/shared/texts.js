// The texts of the page, in the language of who reads it. languages/en.js has them all.

import { texts as english } from "../languages/en.js";
import { isolating } from "./bidi.js";

/** @typedef {typeof english} Texts */

/**
 * By what a browser calls it; what is not here is read in English.
 * @type {Record<string, () => Promise<{ texts: Texts }>>}
 */
export const LANGUAGES = {
  de: () => import("../languages/de.js"),
};

/** The texts: another object once another language is chosen, so look them up when they are shown. */
export let texts = isolating(english);

/** Where the reader is, for dates: `en-GB` writes English, and the day first. */
export let locale = english.tag;

/**
 * Read in the first language of these that there is; call it before anything is shown. Returns what loads one that
 * would have been read, but cannot be had now, if there is one.
 * @param {readonly string[]} wanted  as `navigator.languages` has them
 */
export async function choose(wanted, languages = LANGUAGES) {
  /** @type {(() => Promise<{ texts: Texts }>) | undefined} */
  let missing;
  for (const tag of wanted) {
    const [code = ""] = tag.toLowerCase().split("-");
    if (code !== english.tag && !Object.hasOwn(languages, code)) continue;
    // One that cannot be loaded, by chance maybe, is no reason to show nothing.
    const load = languages[code];
    const chosen = await load?.().catch(load).catch(() => null);
    if (chosen === null) {
      missing ??= load;
      continue;
    }
    texts = isolating(chosen?.texts ?? english);
    locale = isTag(tag) ? tag : code;
    break;
  }
  return missing;
}

/**
 * The text for a word of the service, as a reason; one that is newer than the page is shown as it came.
 * @param {Record<string, string>} known
 * @param {string} word
 * @param {string} unknown
 */
export function textFor(known, word, unknown = word) {
  return (Object.hasOwn(known, word) && known[word]) || unknown;
}

/**
 * A text by its path, as `list.title`; for the attributes of the markup, see `dress`.
 * @param {string} path
 */
export function textAt(path) {
  /** @type {unknown} */
  let found = texts;
  for (const name of path.split(".")) found = /** @type {Record<string, unknown>} */ (found)?.[name];
  if (typeof found !== "string") throw new TypeError(`${path} is no text`);
  return found;
}

/** @param {string} text */
function isTag(text) {
  try {
    return Intl.getCanonicalLocales(text).length === 1;
  } catch {
    return false;
  }
}
