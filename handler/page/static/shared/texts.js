// The texts of the page, in the language of who reads it. languages/en.js has them all.

import { texts as english } from "../languages/en.js";

/** @typedef {typeof english} Texts */

/** By what a browser calls it; what is not here is read in English. */
const LANGUAGES = /** @type {Record<string, () => Promise<{ texts: Texts }>>} */ ({});

/** The texts: another object once another language is chosen, so look them up when they are shown. */
export let texts = english;

/**
 * Read in the first language of these that there is; call it before anything is shown.
 * @param {readonly string[]} wanted  as `navigator.languages` has them
 */
export async function choose(wanted) {
  for (const tag of wanted) {
    const [code = ""] = tag.toLowerCase().split("-");
    if (code === "en") return;
    if (!LANGUAGES[code]) continue;
    ({ texts } = await LANGUAGES[code]());
    return;
  }
}
