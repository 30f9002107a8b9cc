// React hooks for Partyline's client. React is the application's own: this names it, and brings none.

import { useEffect, useState } from "react";
import { Transcript } from "./transcript.js";

/** @import { ListedCall } from "./messages.d.ts" */
/** @import { Partyline } from "./partyline.js" */
/** @import { CallState } from "./reading.js" */

/** @typedef {{ transcript: Transcript, state: CallState, error?: Error }} Shown */

/**
 * Read a call for as long as a component shows it: its transcript so far, and how it stands with it. What
 * is shown is as it is while `state` is `live`, and only then.
 * @param {Partyline} client  one for all components, made outside of them
 * @param {string} callSid
 * @returns {Shown}
 */
export function useCall(client, callSid) {
  const nothing = /** @returns {Shown} */ () => ({ transcript: new Transcript(callSid), state: "asked" });
  const [shown, show] = useState(nothing);
  useEffect(() => {
    const transcript = new Transcript(callSid);
    /** @type {Error | undefined} */
    let error;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    // What comes at once, as the past does, is drawn at once. A new object each time: else nothing is drawn.
    const draw = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        show({ transcript, state: reading.state, error });
      });
    };
    const reading = client.call(callSid, {
      stay: true,
      onMessage: (message) => { transcript.receive(message); draw(); },
      onState: (state, why) => {
        if (state === "offline") transcript.forgetInterims(); // nobody takes them back
        error = why;
        draw();
      },
    });
    draw();
    return () => { reading.close(); clearTimeout(timer); };
  }, [client, callSid]);
  return shown.transcript.callSid === callSid ? shown : nothing();
}

/**
 * The live calls that the token may see; null until they are known.
 * @param {Partyline} client
 */
export function useCalls(client) {
  const [calls, show] = useState(/** @returns {ListedCall[] | null} */ () => null);
  useEffect(() => {
    const list = client.calls({ onList: show });
    return () => list.close();
  }, [client]);
  return calls;
}
