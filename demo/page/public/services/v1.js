import { version } from "./painter.js";

export default version("v1");
