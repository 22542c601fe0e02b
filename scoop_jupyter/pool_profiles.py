"""Profiles: pools that the configuration files describe under names, as `c.Profiles.gpu = {"launcher": "slurm"}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, get_type_hints

import msgspec

from scoop.launchers import Launcher
from scoop.launchers.names import make
from scoop.launchers.options import convert
from scoop_core.errors import BadProfile, ScoopError
from scoop_core.memory import parse_size
from scoop_jupyter.configuration import read_configuration
from scoop_jupyter.view import plural


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool is started with; it may still be said otherwise.

    Attributes:
        launcher: the name of one.
        n: how many workers.
        memory_limit: what each of them may use, in bytes or as text.
        preload: modules to import before workers are forked.
        options: of the launcher.
    """

    launcher: str = "local"
    n: Annotated[int, msgspec.Meta(ge=1)] | None = None
    memory_limit: int | str | None = None
    preload: tuple[str, ...] = ()
    options: dict[str, Any] = {}

    def on(self, launcher: str) -> Profile:
        """The same with this launcher; if it is another one, the options of the former are not for it."""
        if launcher == self.launcher:
            return self
        return msgspec.structs.replace(self, launcher=launcher, options={})

    def make(self, **options: Any) -> Launcher:
        """The launcher.

        Args:
            options: that come before those of the profile.

        Raises:
            ValueError: it has no such options.
            StartFailed: it needs what is not installed.
        """
        return make(self.launcher, **{**self.options, **options})


class Entry(msgspec.Struct, frozen=True):
    """A profile as a file has it, which may make no sense.

    Attributes:
        name: of the profile.
        file: that has it.
        said: all that stands there.
    """

    name: str
    file: str
    said: Any

    def read(self) -> Profile:
        """The profile.

        Raises:
            BadProfile: it makes no sense; the message has file, profile and option.
        """
        try:
            return _profile(self.said)
        except (ValueError, TypeError, ScoopError) as error:
            raise BadProfile(f"{self.file}: the profile {self.name!r} can't be used: {error}") from error

    def sketch(self) -> dict[str, Any]:
        """Its launcher and its number of workers, for a choice of profiles; None for what is not known."""
        try:
            profile = self.read()
        except BadProfile:
            return {"launcher": None, "workers": None}
        return {"launcher": profile.launcher, "workers": profile.n}


def entries(folders: Sequence[str] | None = None) -> dict[str, Entry]:
    """All profiles by their names. Where several files have the same name, the user's own comes first.

    Args:
        folders: where to look; by default where Jupyter looks for its configuration.

    Raises:
        BadLimits: a file can't be read, or makes no sense.
    """
    found: dict[str, Entry] = {}
    for file, config in read_configuration(folders):
        for name, said in config.get("Profiles", {}).items():
            found.setdefault(name, Entry(name, file, said))
    return dict(sorted(found.items()))


def read_profile(name: str) -> Profile:
    """The profile of this name.

    Raises:
        BadProfile: there is none, or it makes no sense.
        BadLimits: a file can't be read.
    """
    known = entries()
    if name not in known:
        there = f"there is {', '.join(map(repr, known))}" if known else "the configuration files have none"
        raise BadProfile(f"there is no profile {name!r}: {there}")
    return known[name].read()


def table(profiles: Iterable[Entry]) -> str:
    """What people are told of them: a line for each with its name, launcher, workers and file, or what is wrong."""
    rows = []
    for entry in profiles:
        try:
            profile = entry.read()
        except BadProfile as error:
            rows.append((entry.name, str(error)))
        else:
            n = plural(profile.n, "worker") if profile.n else ""
            rows.append((entry.name, f"{profile.launcher:<8}{n:>14}  {entry.file}"))
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows) or "The configuration files have no profiles."


def _profile(said: Any) -> Profile:
    if not isinstance(said, Mapping):
        raise ValueError(f"it is no dict of options, but {said!r}")
    own = {name: convert(name, said[name], type) for name, type in _OWN.items() if name in said}
    options = {name: value for name, value in said.items() if name not in own}
    profile = Profile(**own, options=options)
    if profile.memory_limit is not None:
        parse_size(profile.memory_limit)
    profile.make()
    return profile


#: What a profile says of the pool; the rest are options of its launcher.
_OWN = {name: type for name, type in get_type_hints(Profile, include_extras=True).items() if name != "options"}
