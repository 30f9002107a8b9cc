// What there is to a token: how it is shown, and when it ends.

/**
 * @param {string | null} token
 * @returns {Record<string, string>}
 */
export function authorization(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/**
 * When a token ends, by what it says itself (Unix time); null if it does not.
 * @param {string | null} token
 * @returns {number | null}
 */
export function expiryOf(token) {
  try {
    const claims = (token ?? "").split(".")[1] ?? "";
    return JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))).exp ?? null;
  } catch {
    return null;
  }
}
