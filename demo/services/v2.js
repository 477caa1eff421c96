import { version } from "./random.js";

export default version("v2", { healthy: true });
