/**
 * Who listens to a guest. Making an event and dispatching it takes about as long as all else that a freeze does by itself, and
 * all of that on the way to the resume; so nothing is made of a type to which nobody has ever listened.
 */

import type { GuestEventMap } from "./reports.ts";

export class Listeners extends EventTarget {
  readonly #heard: Set<string> = new Set();

  override addEventListener(...[type, ...rest]: Parameters<EventTarget["addEventListener"]>): void {
    this.#heard.add(type);
    super.addEventListener(type, ...rest);
  }

  tell<K extends keyof GuestEventMap>(type: K, detail: GuestEventMap[K]["detail"]): void {
    if (this.#heard.has(type)) this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
