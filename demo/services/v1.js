import { version } from "./random.js";

export default version("v1", { healthy: true });
