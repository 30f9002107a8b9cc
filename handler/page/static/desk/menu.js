// A menu that a button opens: one at a time, above everything, closed by Escape or a look elsewhere.
// Loaded when it is opened first.

import { byId, make } from "../shared/dom.js";
import { loadSheet } from "../shared/load_sheet.js";

await loadSheet("help.css"); // it is not shown without

/**
 * @typedef {object} Item
 * @property {string} label
 * @property {() => void} run
 * @property {boolean} [checked]  of what is on or off
 * @property {string} [short]  what is written instead, in a row with others
 */

const menu = make("div", "menu");
menu.popover = "auto";
menu.role = "menu";
byId("desk", HTMLElement).append(menu); // a part of the page, though it lies above
// It has no place of its own in a page that is laid out anew.
addEventListener("resize", () => menu.hidePopover());

/**
 * @param {HTMLButtonElement} button
 * @param {string} label
 * @param {Item[]} items
 */
export function openMenu(button, label, items) {
  menu.ariaLabel = label;
  const elements = items.map((item) => element(button, item));
  menu.replaceChildren(...elements);
  menu.onkeydown = (event) => move(event, elements);
  menu.ontoggle = (event) => {
    const { newState } = /** @type {ToggleEvent} */ (event);
    button.setAttribute("aria-expanded", String(newState === "open"));
    // Whoever looked elsewhere stays there.
    if (newState === "closed" && (document.activeElement ?? document.body) === document.body) button.focus();
  };
  menu.showPopover();
  place(button);
  elements[0]?.focus();
}

/**
 * @param {HTMLButtonElement} button
 * @param {Item} item
 */
function element(button, { label, run, checked, short }) {
  const one = make("button", short ? "short" : "", short ?? label);
  one.type = "button";
  one.tabIndex = -1;
  one.role = checked === undefined ? "menuitem" : "menuitemcheckbox";
  if (checked !== undefined) one.ariaChecked = String(checked);
  if (short) one.ariaLabel = one.title = label;
  one.onclick = () => {
    menu.hidePopover();
    button.focus();
    run();
  };
  return one;
}

/**
 * Below the button or above it, and on the page.
 * @param {HTMLButtonElement} button
 */
function place(button) {
  const { left, right, top, bottom } = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = bottom + height + 8 <= innerHeight || top < height + 8;
  const start = getComputedStyle(button).direction === "rtl" ? left : right - width;
  menu.style.left = `${Math.max(8, Math.min(start, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, below ? Math.min(bottom + 4, innerHeight - height - 8) : top - height - 4)}px`;
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLButtonElement[]} items
 */
function move(event, items) {
  const at = items.findIndex((one) => one === document.activeElement);
  const next = {
    ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: -1,
  }[event.key];
  if (event.key === "Tab") menu.hidePopover();
  if (next === undefined) return;
  items.at(next % items.length)?.focus();
  event.preventDefault();
}
