// The numbers whose calls open by themselves: those that are live, and those to come.

/** @import { ListedCall, NumberMessage } from "../partyline/messages.d.ts" */
/** @import { Partyline } from "../partyline/partyline.js" */
/** @import { Reading } from "../partyline/reading.js" */

export class FollowedNumbers {
  /**
   * @param {Partyline} client
   * @param {(callSid: string, about: Partial<ListedCall>, number: string) => void} begun  one of their calls, once or more
   */
  constructor(client, begun) {
    this.client = client;
    this.begun = begun;
    /** @type {Map<string, Reading<NumberMessage>>} by number */
    this.readings = new Map();
  }

  /**
   * Returns whether it is new.
   * @param {string} number
   */
  follow(number) {
    if (this.readings.has(number)) return false;
    const onMessage = (/** @type {NumberMessage} */ message) => {
      if (message.type === "Error") return; // it may not be read any more
      this.begun(message.callSid, message.type === "CallStarted" ? message : {}, number);
    };
    this.readings.set(number, this.client.number(number, { onMessage, interim: false }));
    return true;
  }

  /** @param {string} number */
  unfollow(number) {
    this.readings.get(number)?.close();
    this.readings.delete(number);
  }
}
