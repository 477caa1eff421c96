/** Entry of a Worker that makes something. */

import { platform } from "#platform";
import { runWorkshop } from "../workshop.ts";

await runWorkshop(platform, await platform.self());
