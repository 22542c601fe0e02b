"""What an engine must offer: to those who submit tasks, and to those who manage and watch it.

`futures` and the notebook know no more of an engine than this. There are two: pools of our own (`Worker`,
`Client`), and Dask clusters (`scoop.dask`). What an engine can't do is said by its `abilities`; who asks for it all
the same gets `NotSupported`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec

from scoop_core import future as futures
from scoop_core import messages as m
from scoop_core.errors import NotSupported
from scoop_core.future import Future
from scoop_core.jobs import MapJob
from scoop_core.mapping import MapResult
from scoop_core.owner import DEFAULT, Options

#: What to do with a print: (run, worker, stream, text).
Sink = Callable[[int, str, str, str], None]
#: What to do with a picture of the pool.
Viewer = Callable[[dict[str, Any]], None]


class Abilities(msgspec.Struct, frozen=True):
    """What an engine can do beyond running tasks.

    Attributes:
        interrupts: tasks that run can be ended, by a cancellation or a time limit.
        runs_once: a task that has ended well is not run again when a worker dies.
        replaces_workers: one worker can be replaced, and the one task that it runs be cancelled.
        replays: failed calls are kept, to be made again.
        profiles: workers can be profiled.
        waiting_threads: threads that a task has started may wait for tasks while it waits for them.
        cheap_tasks: a task costs microseconds, so that nobody needs to gather several in one.
    """

    interrupts: bool = True
    runs_once: bool = True
    replaces_workers: bool = True
    replays: bool = True
    profiles: bool = True
    waiting_threads: bool = True
    cheap_tasks: bool = True


class Engine(futures.Engine, Protocol):
    """What runs tasks, as `futures` and `shared` see it: in a root and in a task alike."""

    name: str
    abilities: Abilities
    for_people: bool
    recorded: bool

    @property
    def size(self) -> int:
        """How many tasks it runs at once."""

    @property
    def lost(self) -> BaseException | None:
        """Why it can't be used any more; None while it can."""

    @property
    def address(self) -> str:
        """Where its broker or scheduler is."""

    @property
    def broker_host(self) -> str:
        """The name of the host that this is."""

    @property
    def backend(self) -> str:
        """How its processes are connected, in a word."""

    def submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], options: Options = DEFAULT
    ) -> Future:
        """Submit one call."""

    def map(
        self,
        function: Callable[..., Any],
        iterables: Sequence[Iterable[Any]],
        timeout: float | None = None,
        buffersize: int | None = None,
        as_completed: bool = False,
        options: Options = DEFAULT,
    ) -> MapResult:
        """Submit a call for each tuple of arguments; see `Mapper.map`."""

    def wait_until(self, until: Callable[[], bool], timeout: float | None, futures: Sequence[Future] = ()) -> bool:
        """Wait until `until()`, which depends on the futures; False if it timed out. Other tasks run meanwhile."""

    def wait_for_job(self, job: MapJob) -> None:
        """Wait until all that was submitted of a map is over."""

    def forgo(self, futures: Iterable[Future], jobs: Iterable[MapJob]) -> None:
        """Cancel those of these tasks that no worker has been given."""

    def set_constant(self, name: str, value: Any) -> None:
        """Share a constant with all tasks; a TypeError if there is one of that name."""

    def get_constant(self, name: str, timeout: float | None) -> Any:
        """A shared constant, waiting up to `timeout` seconds for it; None if it is not there then."""

    def replay(self, failure: str | BaseException = "") -> Any:
        """Run a task that failed once more, in this process."""


class Mark(Protocol):
    """What a notebook tells of itself, for functions that travel; part of a `Packer`."""

    label: Callable[[str], str | None]

    def edit(self, edited: Any) -> None:
        """Have these modules edited wherever functions go from now on."""


class Root(Engine, Protocol):
    """An engine as a notebook or a program uses it: with runs, pictures, and control of workers.

    Attributes:
        run: number of the current run.
        sink: gets what tasks print.
        pool: how this program manages it; None if it only looks.
        pool_name: what people call it.
    """

    run: int
    sink: Sink
    pool: AnyPool | None

    @property
    def pool_name(self) -> str: ...

    @property
    def packer(self) -> Mark: ...

    def new_run(self) -> int:
        """Begin a run; its number."""

    def cancel_run(self, run: int) -> None:
        """Cancel all that was submitted in a run, at whatever depth."""

    def halt(self) -> None:
        """Cancel all that runs or waits."""

    def cancel_task(self, worker: str) -> None:
        """Cancel the task that a worker runs now."""

    def restart_worker(self, worker: str) -> None:
        """Replace a worker by a new one."""

    def watch(self, run: int, viewer: Viewer, brief: bool = False) -> int:
        """Have pictures brought to the viewer; a number for `unwatch`."""

    def unwatch(self, number: int) -> None:
        """Bring no more pictures."""

    def picture(self, run: int = -1, timeout: float = 5.0) -> dict[str, Any]:
        """The pool and its task tree as they are now, as plain data."""

    def timeline(self, run: int = m.ALL, timeout: float = 5.0) -> dict[str, Any]:
        """What ran on each worker, and when."""

    def close(self) -> None:
        """Leave the pool; it goes on."""


class AnyPool(Protocol):
    """A pool or a cluster, and this program's connection to it."""

    @property
    def client(self) -> Root: ...

    @property
    def name(self) -> str: ...

    @property
    def owned(self) -> bool: ...

    @property
    def alive(self) -> bool: ...

    @property
    def workers(self) -> list[dict[str, Any]]: ...

    def scale(self, n: int) -> None:
        """Have n workers."""

    def wait(self, n: int | None = None, timeout: float | None = None) -> None:
        """Wait until n workers are there; None for all that are wanted."""

    def restart(self) -> None:
        """Cancel everything, and replace all workers."""

    def stop(self) -> None:
        """End it, and leave nothing behind."""

    def close(self) -> None:
        """Leave it, and let it go on."""

    def __enter__(self) -> AnyPool: ...

    def __exit__(self, *_: object) -> None: ...


def unable(engine: str, what: str) -> NotSupported:
    """The error for what an engine can't do."""
    return NotSupported(f"{engine} can't do this: {what}. A pool of SCOOP's own can.")
