/** Entry of a host's Worker. */

import { loadPlatform } from "../platform/platform.ts";
import { runHost } from "./host.ts";
import type { HostData } from "./messages.ts";

const platform = await loadPlatform();
const self = await platform.self();
await runHost(platform, self, self.data as HostData);
