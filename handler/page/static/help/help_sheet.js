// The help sheet: all keys of the page. It is loaded when it is asked for.

import { KEYS } from "./keys.js";
import { make, makeButton } from "../shared/dom.js";
import { loadSheet } from "../shared/load_sheet.js";
import { texts } from "../shared/texts.js";

/** @import { Action, Place } from "./keys.js" */

await loadSheet("help.css"); // it is not shown without

/** @type {HTMLDialogElement | null} */
let sheet = null;

/** Show it, above the page; Escape closes it. */
export function showHelp() {
  sheet ??= build();
  if (!sheet.open) sheet.showModal();
}

function build() {
  const title = make("h2", "", texts.help.title);
  title.id = "help-title";
  const close = makeButton(texts.help.close, () => dialog.close());
  const dialog = make("dialog", "help", make("header", "", title, close), ...Object.keys(KEYS).map(placePart));
  dialog.setAttribute("aria-labelledby", title.id);
  // What is around it closes it, too.
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  document.body.append(dialog);
  return dialog;
}

/** @param {string} name */
function placePart(name) {
  const place = /** @type {Place} */ (name);
  /** That no key is without its text: @type {{ [P in Place]: Record<Action<P>, string> }} */
  const told = texts.help.keys;
  /** @type {[string, readonly string[]][]} */
  const actions = Object.entries(KEYS[place]);
  const rows = actions.map(([action, keys]) =>
    make("div", "", make("dt", "", ...keys.flatMap(keyParts)),
      make("dd", "", /** @type {Record<string, string>} */ (told[place])[action] ?? "")));
  return make("section", "", make("h3", "", texts.help.places[place]), make("dl", "", ...rows));
}

/**
 * A key, or several that are held together: `Shift+Enter`.
 * @param {string} keys
 */
function keyParts(keys) {
  /** @type {Record<string, string>} */
  const names = { ...texts.help.names, ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };
  if (navigator.platform.startsWith("Mac")) names.Ctrl = "⌘";
  const parts = keys.split("+").map((key) => {
    const part = make("kbd", "", names[key] ?? key.toUpperCase());
    part.translate = key in names; // a letter is one in each language
    return part;
  });
  return [make("span", "chord", ...parts), " "];
}
