// Goal: in a page of Firefox the library does what it does on Node. Method: the very test files of Node's side, run in such a page.

import { runInPages } from "../support/pages.ts";

runInPages("firefox", {
  always: ["guest/storm", "guest/waits"],
  full: ["guest/calls", "guest/pinning", "guest/dirty", "guest/clock", "guest/streams", "guest/handover-storm"],
  own: ["directories"],
});
