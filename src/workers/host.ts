/** Entry of a host's Worker. */

import { platform } from "#platform";
import { runHost } from "../guest/host.ts";

await runHost(platform, await platform.self());
