// What lies over all of the page while it is read: the sheet of keys, the words that are waited for.

import { make } from "./dom.js";

/**
 * Make something a dialog, in a layer that covers the page, which is nobody's until a press beside it, or Escape,
 * closes it. What has the keyboard in it are buttons and inputs.
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
  layer.setAttribute("popover", "auto"); // a browser that knows none shows nothing
  layer.onbeforetoggle = (event) => hideOthers(layer, /** @type {ToggleEvent} */ (event).newState === "open");
  let isPressed = false; // a selection may end beside the dialog
  layer.onmousedown = (event) => {
    isPressed = event.target === layer;
    if (isPressed) event.preventDefault(); // the keyboard goes back to where it was, and not to nowhere
  };
  layer.onclick = ({ target }) => { if (isPressed && target === layer) layer.hidePopover(); };
  layer.onkeydown = (event) => { if (event.key === "Tab") goRound(event, dialog); };
  // Whoever comes from the browser's own buttons, and what the page would have the keyboard go to meanwhile.
  document.addEventListener("focusin", ({ target }) => {
    if (layer.matches(":popover-open") && !layer.contains(/** @type {Node} */ (target))) dialog.focus();
  });
  document.body.append(layer);
  return layer;
}

/**
 * Screen readers read on in the page, and are told what is said there, once nothing lies over it.
 * @param {HTMLElement} layer
 * @param {boolean} isHidden
 */
function hideOthers(layer, isHidden) {
  for (const part of document.body.children) if (part !== layer) part.ariaHidden = isHidden ? "true" : null;
}

/**
 * Behind the last of what can have the keyboard comes the first; some browsers would leave out buttons.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} dialog
 */
function goRound(event, dialog) {
  /** @type {NodeListOf<HTMLButtonElement | HTMLInputElement>} */
  const found = dialog.querySelectorAll("button, input");
  const all = [...found].filter((one) => !one.disabled && one.checkVisibility());
  const at = all.findIndex((one) => one === document.activeElement);
  all.at(event.shiftKey ? Math.max(at, 0) - 1 : (at + 1) % all.length)?.focus();
  event.preventDefault();
}
