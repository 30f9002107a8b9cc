// The help sheet: all keys of the page. It is loaded when it is asked for.

import { KEYS } from "./keys.js";
import { make, makeButton } from "../shared/dom.js";
import { loadSheet } from "../shared/load_sheet.js";
import { overPage } from "../shared/over_page.js";
import { texts } from "../shared/texts.js";

/** @import { Action, Place } from "./keys.js" */

await loadSheet("help.css"); // it is not shown without

/** @type {ReturnType<typeof build> | null} */
let sheet = null;

/** Show it, over the page; Escape closes it. */
export function showHelp() {
  sheet ??= build();
  if (sheet.layer.matches(":popover-open")) return;
  sheet.layer.showPopover();
  sheet.close.focus();
}

function build() {
  const { title } = texts.help;
  const close = makeButton(texts.help.close, () => layer.hidePopover());
  const line = make("div", "title", make("h2", "", title), close);
  const layer = overPage(make("div", "help", line, ...Object.keys(KEYS).map(placePart)), title);
  return { layer, close };
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
