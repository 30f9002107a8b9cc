// How the reader reads: kept by the browser, and shown by attributes of <html>, which the style sheets know.

import { CHOICES, readSettings } from "./settings.js";

/** @import { Choice, Settings } from "./settings.js" */

const KEPT = "partyline.reading";

/** @type {Settings} */
export let settings = readSettings(kept());
apply();
// In another tab it may be changed, too.
addEventListener("storage", ({ key }) => { if (key === KEPT) { settings = readSettings(kept()); apply(); } });

/** @param {Partial<Settings>} changes */
export function change(changes) {
  settings = { ...settings, ...changes };
  apply();
  try { localStorage.setItem(KEPT, JSON.stringify(settings)); } catch { /* it holds as long as the page */ }
}

function apply() {
  for (const name of /** @type {Choice[]} */ (Object.keys(CHOICES))) {
    document.documentElement.dataset[name] = settings[name];
  }
}

/** In a frame of somebody else's page a browser may keep nothing. */
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}
