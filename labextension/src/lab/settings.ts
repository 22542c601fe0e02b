/** What the user has set, in JupyterLab's settings editor. */

import type { ISettingRegistry } from "@jupyterlab/settingregistry";

import type { Defaults } from "./places";

export class Settings {
  private _settings: ISettingRegistry.ISettings | null = null;

  /**
   * @param registry where settings are kept; without it all are as if nobody had set them.
   * @param id of the plugin whose schema they have.
   */
  constructor(registry: ISettingRegistry | null, id: string) {
    registry?.load(id).then(
      (settings) => {
        this._settings = settings;
        settings.changed.connect(() => this._apply());
        this._apply();
      },
      () => undefined, // a frontend without the schema
    );
  }

  /** How a new pool is if the user does not say otherwise. */
  get defaults(): Defaults {
    const workers = this._get<number>("workers", 0);
    return { workers: workers > 0 ? workers : null, launcher: this._get("launcher", "local") };
  }

  private _get<T>(name: string, otherwise: T): T {
    return (this._settings?.composite[name] as T | undefined) ?? otherwise;
  }

  /** The panels' theme is a matter of style sheets. */
  private _apply(): void {
    document.body.dataset.scoopTheme = this._get("theme", "jupyter");
  }
}
