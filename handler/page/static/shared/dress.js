// The texts of the markup, in the language of who reads it.

import { textAt } from "./texts.js";

/** What an attribute of the markup names is shown so. @type {[string, (element: Element, text: string) => void][]} */
const PLACES = [
  ["data-text", (element, text) => { element.textContent = text; }],
  ["data-text-label", (element, text) => element.setAttribute("aria-label", text)],
  ["data-text-placeholder", (element, text) => element.setAttribute("placeholder", text)],
  ["data-text-title", (element, text) => element.setAttribute("title", text)],
];

/**
 * Fill the texts that attributes name, in templates too: `<h2 data-text="list.title"></h2>`.
 * What is seen if this page cannot run stands there in English; what a script shows has nothing there.
 * @param {ParentNode} root
 */
export function dress(root) {
  for (const [attribute, fill] of PLACES) {
    for (const element of root.querySelectorAll(`[${attribute}]`)) {
      fill(element, textAt(element.getAttribute(attribute) ?? ""));
    }
  }
  for (const template of root.querySelectorAll("template")) dress(template.content);
}
