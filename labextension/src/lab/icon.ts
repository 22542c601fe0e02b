/** SCOOP's own icon: a scoop of tasks. */

import { LabIcon } from "@jupyterlab/ui-components";

// Three tasks above the worker that they come to; `jp-icon3` has it follow the theme.
const svgstr = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16">
  <g class="jp-icon3" fill="#616161">
    <circle cx="3.4" cy="3.2" r="1.9"/><circle cx="8" cy="3.2" r="1.9"/><circle cx="12.6" cy="3.2" r="1.9"/>
    <path d="M1.2 7h13.6A6.8 6.8 0 0 1 9.6 13.6v1.2H6.4v-1.2A6.8 6.8 0 0 1 1.2 7z"/>
  </g>
</svg>`;

export const scoopIcon = new LabIcon({ name: "scoop:icon", svgstr });
