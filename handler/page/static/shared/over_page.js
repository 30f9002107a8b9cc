// What lies over all of the page while it is read: a sheet of keys, a question.

import { make } from "./dom.js";

/**
 * Make something a dialog, in a layer that covers the page. A press beside it closes it, and Escape.
 *
 * No `<dialog>` that is shown as a modal one: the browser would style each element of the page anew, for all of
 * it becomes inert, and again at the end. Behind an hour of words that takes longer than a word may.
 * @param {HTMLElement} dialog
 * @param {string} name
 */
export function overPage(dialog, name) {
  dialog.role = "dialog";
  dialog.ariaModal = "true";
  dialog.ariaLabel = name;
  dialog.tabIndex = -1; // who presses its ground is in it still
  const layer = make("div", "over-page", dialog);
  layer.popover = "auto";
  let isPressed = false; // a selection may end beside the dialog
  layer.onmousedown = (event) => {
    isPressed = event.target === layer;
    if (isPressed) event.preventDefault(); // the keyboard goes back to where it was, and not to nowhere
  };
  layer.onclick = ({ target }) => { if (isPressed && target === layer) layer.hidePopover(); };
  layer.onkeydown = (event) => { if (event.key === "Tab") goRound(event, dialog); };
  document.body.append(layer);
  return layer;
}

/**
 * Behind the last of what has the keyboard comes the first.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} dialog
 */
function goRound(event, dialog) {
  /** @type {NodeListOf<HTMLButtonElement | HTMLInputElement>} */
  const found = dialog.querySelectorAll("button, input");
  const all = [...found].filter((one) => !one.disabled && one.checkVisibility());
  const [first, last] = [all[0], all.at(-1)];
  const { activeElement } = document;
  if (event.shiftKey ? activeElement !== first && activeElement !== dialog : activeElement !== last) return;
  (event.shiftKey ? last : first)?.focus();
  event.preventDefault();
}
