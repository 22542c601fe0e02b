"""What stands in Jupyter's configuration files for SCOOP: `scoop_config.py`, `.json` and `.toml`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from jupyter_core.paths import jupyter_config_path
from traitlets.config import Config
from traitlets.config.loader import JSONFileConfigLoader, PyFileConfigLoader

from scoop_core.errors import BadLimits
from scoop_jupyter.allowance import FILES

#: What is read from them; the Jupyter server reads the rest of those whose names begin with "jupyter".
SECTIONS = ("Limits", "Profiles")


def read_configuration(folders: Sequence[str] | None = None) -> Iterator[tuple[str, Config]]:
    """The path and the contents of each file, the user's own before those of the system.

    Args:
        folders: where to look; by default where Jupyter looks for its configuration.

    Raises:
        BadLimits: a file can't be read, or makes no sense.
    """
    for folder in jupyter_config_path() if folders is None else folders:
        for name in FILES:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                try:
                    config = _load(path)
                    _check_sections(config)
                except Exception as error:  # whatever the code in it raises
                    raise bad(path, error) from error
                yield path, config


def bad(path: str, error: Exception) -> BadLimits:
    """The error for a file that makes no sense."""
    return BadLimits(f"{path} can't be used: {type(error).__name__}: {error}")


def _load(path: str) -> Config:
    folder, name = os.path.split(path)
    if name.endswith(".toml"):
        with open(path, "rb") as file:
            return Config(tomllib.load(file))
    loader = PyFileConfigLoader if name.endswith(".py") else JSONFileConfigLoader
    config: Config = loader(name, path=folder).load_config()
    return config


def _check_sections(config: Config) -> None:
    """Whether all sections are there under their names: what is misspelt would be no limit."""
    for name in config:
        if name not in SECTIONS and (meant := get_close_matches(name.capitalize(), SECTIONS, 1, 0.8)):
            raise ValueError(f"there is no section {name!r}: did you mean {meant[0]!r}?")
    for name in SECTIONS:
        if not isinstance(config.get(name, {}), dict):
            raise ValueError(f"{name!r} is no section, but {config[name]!r}")
