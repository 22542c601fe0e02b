"""What a pool is started with, and the numbers that the engine works by.

Each number says what it was chosen for; they are not meant to be tuned by users.
"""

from __future__ import annotations

from typing import Any

import msgspec

#: A piece of work sent to a worker is half of a worker's share of what waits, but of short tasks it lasts no longer
#: than this, in seconds: that is how late people may see what is over. It is divided by the number of programs that
#: want something. Outcomes go out before the end of a piece that takes longer than it should.
LONG_PIECE_SECONDS = 0.500
#: So pieces get shorter towards the end, for all workers to be done together; but not shorter than this part of what
#: each worker has spent on the job by then. To send a piece and its outcomes costs about 1 ms of CPU in three
#: processes, whose caches others have used meanwhile, and what is left of a running one can be shared.
LEAST_SHARE = 1 / 4
#: Tasks that take this long, in seconds, travel alone.
PIECE_SECONDS = 0.080
#: A piece has at most so many tasks: while a worker pickles its outcomes, which may take as long as the tasks took,
#: it does not hear that others have something more urgent.
PIECE_TASKS = 100_000
#: It is cut from one chunk of arguments, or from neighbouring ones of so many bytes.
PIECE_BYTES = 1 << 20
#: With many workers pieces last longer: the broker may spend this on one, from its assignment to its last outcome,
#: in seconds. It takes about half as long, so it keeps up with any number of workers, if there is enough to do.
BROKER_SECONDS = 150e-6
#: A worker gets a second piece ahead when what it holds is expected to last for less than so many pieces should:
#: a round trip to the broker (0.2 ms) is then below half a percent.
PREFETCH = 1.25
#: Prints, news of a worker's own tasks, and results of a piece that lasts longer than it should go out at least this
#: often, in seconds.
FLUSH_SECONDS = 0.1
#: A worker that runs on without news says so this often, in seconds.
QUIET_SECONDS = 1.0
#: A cancelled task that has not ended after this many seconds loses its worker, which is replaced.
CANCEL_GRACE = 1.0
#: How often a task may be run again after its worker died.
RETRIES = 2
#: When more workers than this have died in a row while they started, no more are started.
MAX_STILLBORN = 5
#: A parked task (one that waits for others) is a suspect of its worker's death only so much.
PARKED_SUSPICION = 0.25
#: After this time in seconds without a thread that serves the socket, the IO thread takes over.
TURN_SECONDS = 0.004
#: Seconds that the children of a pool get to end by themselves before they are killed.
STOP_GRACE = 1.0
#: Who ends what a pool has on other hosts gets so many seconds: batch systems can be slow.
RECALL_SECONDS = 10.0
#: A worker that somebody has stopped (SIGSTOP) holds up all who wait for its tasks: after so many seconds it is
#: replaced.
STOPPED_SECONDS = 2.0
#: An interrupt is heard after so many seconds at the latest (to look that often costs a waiting root nothing).
INTERRUPT_SECONDS = 0.5
#: Who is connected over a network asks for a sign of life so often, in seconds, and takes the other for gone when
#: there was none for so long: a host that is cut off is noticed, and a cut that is mended before does no harm.
HEARTBEAT_SECONDS = 2.0
SILENCE_SECONDS = 10.0
#: Who connects over a network has so many seconds to prove that it has the pool's keys: strangers that say nothing
#: hold the broker's descriptors for no longer.
PROOF_SECONDS = 5.0


class Secrets(msgspec.Struct, frozen=True):
    """CURVE keys of a pool that listens on TCP, in Z85; kept in the connection file only."""

    server_public: str
    client_public: str
    client_secret: str


class Cap(msgspec.Struct, frozen=True):
    """How much there may be of something, and which configuration file says so."""

    most: int
    source: str


class Connection(msgspec.Struct, frozen=True):
    """All that a program needs to reach a pool; written to its connection file (mode 0600)."""

    id: str
    name: str
    address: str  # for peers of the broker's own host: a Unix socket; "" on other hosts
    folder: str  # the pool's own folder: socket and log; 0700
    shelf: str  # the pool's folder for shared memory; 0700
    pid: int  # of the process that started the pool
    secrets: Secrets | None = None  # for `remote`
    cap: Cap | None = None  # of its number of workers
    host: str = ""  # where it runs; the runtime folder may be in a home that several hosts share
    remote: str = ""  # for peers of other hosts: TCP ("tcp://10.0.0.5:*" until it is bound); "" if there are none
    shared: str = ""  # the pool's folder for its batch jobs, which all hosts see; 0700; "" if it has none
    versions: dict[str, str] = {}  # of Python and packages, see `versions`

    @property
    def away(self) -> bool:
        """Whether it is for peers of other hosts than the broker's."""
        return not self.address


class Reports(msgspec.Struct, frozen=True):
    """What each worker writes down for those who read it afterwards; paths are absolute."""

    level: int = 0  # of the records of the `scoop` logger that are told, as in `logging`; 0: the logger is left alone
    log: str = ""  # the file that they go to; by default the standard error stream
    profile: str = ""  # the folder for profiles
    timeline: str = ""  # the folder for spans of tasks


NO_REPORTS = Reports()


class Recruiting(msgspec.Struct, frozen=True):
    """How a pool gets workers on other hosts: on named ones, or in batch jobs, which the batch system places."""

    launcher: str  # "module:name" of what makes the launcher from the pool's shared folder and the options
    options: dict[str, Any]
    listen: str  # the address of the pool's host at which its broker listens for them
    hosts: list[tuple[str, int]] = []  # each with the workers that it is meant for; "" is the host of the pool
    slots: int = 0  # workers of a batch job; 0 where hosts are named
    seconds: float = 0.0  # how long an agent may be there; 0 for as long as the pool
    folder: str = ""  # in this one the pool has its shared folder, if it needs one: all hosts see it


class Launch(msgspec.Struct, frozen=True):
    """What the first process of a pool reads from its standard input."""

    connection: Connection
    n: int
    server_secret: str | None = None
    path: list[str] = []
    cwd: str = "."
    program: str | None = None  # the script that workers import, under another name than __main__
    module: bool = False  # the program was named as a module (`-m`)
    forward: bool = True  # prints of tasks travel to the root (else: straight to the terminal)
    preload: list[str] = []  # modules that all processes share
    first: int = 0  # number of the first worker
    nice: int = 0
    memory_limit: int = 0  # bytes that a worker may use; 0 for no limit
    argv: list[str] = []  # of the root, as programs may look at it when they are imported
    reports: Reports = Reports()
    stdout: int = -1  # the descriptor that tasks print to, if not `forward`
    recruiting: Recruiting | None = None  # workers on other hosts
    site: str = ""  # on another host: the name of the agent
    seconds: float = 0.0  # on another host: how long it may be there; 0 for as long as the pool
    size: int = 0  # workers on all hosts, the program included
