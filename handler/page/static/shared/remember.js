// What a page that is open for days remembers without end would be a leak. No document, no clock, no network.

/** As many as a day of calls is likely to bring: what is older than that matters no more. */
export const MAX_REMEMBERED = 5000;

/**
 * Put something into a set, in place of what was put there first if it would have too many.
 * @param {Set<string>} set
 * @param {string} one
 */
export function remember(set, one, most = MAX_REMEMBERED) {
  set.delete(one);
  set.add(one);
  const [oldest] = set;
  if (oldest !== undefined && set.size > most) set.delete(oldest);
}
