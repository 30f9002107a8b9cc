// Places in what is written in elements, as a highlight takes them.

/** @typedef {{ text: string, nodes: { node: Text, from: number }[] }} Written */

/**
 * What is written in elements that follow each other.
 * @param {Iterable<Element>} elements
 * @returns {Written}
 */
export function textOf(elements) {
  /** @type {Written["nodes"]} */
  const nodes = [];
  let text = "";
  for (const element of elements) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = /** @type {Text} */ (walker.currentNode);
      nodes.push({ node, from: text.length });
      text += node.data;
    }
  }
  return { text, nodes };
}

/**
 * The range from a place in that text to another.
 * @param {Written} written
 * @param {number} from
 * @param {number} to
 */
export function rangeIn({ nodes }, from, to) {
  const start = placeIn(nodes, from);
  const last = placeIn(nodes, to - 1); // the end belongs to the last letter's node
  return new StaticRange({
    startContainer: start.node, startOffset: start.offset,
    endContainer: last.node, endOffset: last.offset + 1,
  });
}

/**
 * @param {Written["nodes"]} nodes
 * @param {number} offset  in the text of them all
 */
function placeIn(nodes, offset) {
  const one = nodes.findLast(({ from }) => from <= offset);
  if (!one) throw new RangeError("nothing is written there");
  return { node: one.node, offset: offset - one.from };
}
