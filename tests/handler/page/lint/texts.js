// A rule for `deno lint`: what a person reads stands in languages/, and in no other module of the page.
//
// Two things are texts: what goes where people read it, if it has a letter; and two words in a row
// wherever they are, but where no person reads. What comes together of variables is not seen: a browser
// test reads the page in a language that marks what is its own (tests/system/test_page_reading.py).

// Where people read: these properties, and these arguments of functions, counted from 0.
const SHOWN_PROPERTIES = new Set(["textContent", "innerText", "title", "placeholder", "ariaLabel", "alt", "label"]);
const SHOWN_ATTRIBUTES = new Set(["aria-label", "aria-description", "aria-roledescription", "title", "placeholder", "alt"]);
/** @type {Record<string, number>} from this argument on */
const SHOWN_FROM = {
  make: 2, makeButton: 0, write: 1, Option: 0, Notification: 0, Text: 0, createTextNode: 0, alert: 0, confirm: 0,
  append: 0, prepend: 0, before: 0, after: 0, replaceWith: 0, replaceChildren: 0, insertAdjacentText: 1,
};
// Where nobody reads: selectors, classes, media, and what a programmer is told.
const UNREAD = new Set([
  "find", "byId", "querySelector", "querySelectorAll", "closest", "matches", "matchMedia", "make", "RegExp",
  "add", "remove", "toggle", "contains", "loadSheet", "log", "warn", "error",
]);
const UNREAD_PROPERTIES = new Set(["className", "content", "rel", "type", "cssText"]);

const LETTER = /\p{L}/u;
const WORDS = /\p{L}[\p{L}'’]*[,;:.…]?\s+[\p{L}'’]/u;

/**
 * The nearest node around a text that says what becomes of it, and what of that node the text is in.
 * @param {any} node
 */
function around(node) {
  let [inner, outer] = [node, node.parent];
  while (isPartOf(inner, outer)) [inner, outer] = [outer, outer.parent];
  return { inner, outer };
}

/**
 * Whether what is inside may be all of what is outside, or a part of its text.
 * @param {any} inner
 * @param {any} outer
 */
function isPartOf(inner, outer) {
  switch (outer?.type) {
    case "TemplateLiteral": case "LogicalExpression": case "ArrayExpression": case "SpreadElement": return true;
    case "BinaryExpression": return outer.operator === "+";
    case "ConditionalExpression": return inner !== outer.test;
    default: return false;
  }
}

/** @param {any} callee */
function nameOf(callee) {
  return callee.type === "MemberExpression" ? callee.property.name : callee.name;
}

/**
 * @param {Deno.lint.Node} node
 * @param {string} text
 */
function isText(node, text) {
  if (!LETTER.test(text)) return false;
  const { inner, outer } = around(node);
  switch (outer?.type) {
    case "ImportDeclaration": case "ImportExpression":
      return false;
    case "AssignmentExpression": {
      const name = outer.left.property?.name;
      if (SHOWN_PROPERTIES.has(name)) return true;
      if (UNREAD_PROPERTIES.has(name)) return false;
      break;
    }
    case "CallExpression": case "NewExpression": {
      const name = nameOf(outer.callee) ?? "";
      const at = outer.arguments.indexOf(inner);
      if (name.endsWith("Error")) return false;
      if (Object.hasOwn(SHOWN_FROM, name) && at >= SHOWN_FROM[name]) return true;
      if (name === "setAttribute") return at === 1 && SHOWN_ATTRIBUTES.has(outer.arguments[0].value);
      if (UNREAD.has(name)) return false;
      break;
    }
  }
  return WORDS.test(text);
}

export default {
  name: "page",
  rules: {
    texts: {
      create(context) {
        const look = (/** @type {Deno.lint.Node} */ node, /** @type {unknown} */ text) => {
          if (typeof text !== "string" || !isText(node, text)) return;
          context.report({ node, message: `a text that a person reads: ${JSON.stringify(text)}`, hint: "it belongs into languages/en.js" });
        };
        return {
          Literal: (node) => look(node, node.value),
          TemplateElement: (node) => look(node, node.cooked ?? node.raw),
        };
      },
    },
  },
};
