/** The plugins of the JupyterLab extension. */

import { commands, pools, sidebar, status } from "./lab/plugins";
import { output } from "./output";
import { panels } from "./panels";

export * from "./lab/tokens";
export default [pools, commands, sidebar, status, output, panels];
