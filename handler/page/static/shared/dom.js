// Elements, found or made, and known for what they are.

/**
 * Find the element with an id; one that is missing or something else is a defect of the page.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 */
export function byId(id, kind) {
  return find(document, `#${id}`, kind);
}

/**
 * Find an element below another; one that is missing or something else is a defect of the page.
 * @template {Element} T
 * @param {ParentNode} root
 * @param {string} selector
 * @param {new () => T} kind
 * @returns {T}
 */
export function find(root, selector, kind) {
  const element = root.querySelector(selector);
  if (!(element instanceof kind)) throw new TypeError(`${selector} is no ${kind.name}`);
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} className
 * @param {(Node | string)[]} content
 */
export function make(tag, className, ...content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/**
 * @param {string} text
 * @param {() => void} onclick
 */
export function makeButton(text, onclick) {
  const button = make("button", "", text);
  button.type = "button";
  button.onclick = onclick;
  return button;
}

/**
 * Write a text if it is not there yet: what is written anew is read out anew.
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Write texts, each an element of its own with a blank between, if they are not there yet.
 * @param {Element} element
 * @param {string[]} texts
 */
export function writeEach(element, texts) {
  if (element.textContent === texts.join(" ")) return;
  element.replaceChildren(...texts.flatMap((text, at) => [at ? " " : "", make("span", "", text)]));
}
