// What a reader takes along.

/**
 * Returns whether the browser lets us: there is a clipboard on https and localhost alone.
 * @param {string} text
 */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
