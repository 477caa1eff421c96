import { version } from "./random.js";

/** A bad release: it loads and takes over, and then finds that it cannot do its work. */
export default version("v3", { healthy: false });
