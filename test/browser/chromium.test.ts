// Goal: in a page of Chromium the library does what it does on Node. Method: the very test files of Node's side, run in such a page.

import { runInPages } from "../support/pages.ts";

runInPages("chromium", {
  always: ["guest/storm", "guest/calls"],
  full: ["guest/pinning", "guest/dirty", "guest/clock", "guest/waits", "guest/streams", "guest/handover-storm"],
  own: ["directories"],
});
