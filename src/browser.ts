/**
 * All of the library as one file, for pages: .ci/build-browser.ts makes it. Its Workers run the same file, which is therefore fetched,
 * compressed and cached once; what a Worker is for is said by the address that it begins at.
 */

import { platform } from "#platform";
import { runHost } from "./guest/host.ts";
import { runWorkshop } from "./workshop.ts";

export * from "./index.ts";

// A Worker of the page's own that imports this file has another address.
const { href } = globalThis.location;
if (href === platform.workers.host.href) await runHost(platform, await platform.self());
else if (href === platform.workers.workshop.href) await runWorkshop(platform, await platform.self());
