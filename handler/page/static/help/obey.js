// Keys that are pressed, and what is done then: as the table says, and nothing else.

import { actionOf } from "./keys.js";

/** @import { Action, Place } from "./keys.js" */

// A key that is held down goes on from one thing to the next, and does nothing else again and again.
const GOES_ON = /^(?:next|previous|pageDown|pageUp|left|right|up|down)$/;

/**
 * Obey the keys of a place, each of them; inner places come first. One that has nothing to do returns
 * false, and the browser does what it does.
 * @template {Place} P
 * @param {Document | HTMLElement} root
 * @param {P} place
 * @param {Record<Action<P>, (event: KeyboardEvent) => void | false>} actions
 */
export function obey(root, place, actions) {
  root.addEventListener("keydown", (event) => {
    if (!(event instanceof KeyboardEvent) || event.defaultPrevented || event.isComposing) return;
    const target = event.target instanceof Element ? event.target : null;
    // What lies above the page keeps its keys.
    const layer = target?.closest("[popover]");
    if (layer && !layer.contains(root)) return;
    const action = actionOf(place, event, isField(target));
    if (!action) return;
    if (event.repeat && !GOES_ON.test(action)) event.preventDefault();
    else if (actions[action](event) !== false) event.preventDefault();
  });
}

/** @param {Element | null} element */
function isField(element) {
  if (element instanceof HTMLInputElement) return !["button", "checkbox", "radio"].includes(element.type);
  return element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement
    || (element instanceof HTMLElement && element.isContentEditable);
}
