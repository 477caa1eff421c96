import { version } from "./painter.js";

/** A bad release: it loads, and then it is not well. */
export default version("sick", { healthy: false });
