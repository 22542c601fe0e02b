"""The words that travel between the processes of a pool.

A message is one header (a tagged msgspec struct, encoded as a MessagePack array) and, behind it, the raw frames that
its parcel refers to. Headers are validated when they are decoded; parcels are opaque to everybody but payload.

Names: a *job* is a run of tasks with one function, owned by the process that created it: one `map`, or all
neighbouring `submit` calls of a function. A task is a job and an index. A *piece* is a slice [lo, hi) of a job that
one worker holds, and `seq` its number on that worker.
"""

from __future__ import annotations

from typing import Any

import msgspec


class Header(msgspec.Struct, array_like=True):
    """The base of all that travels."""


class Segment(Header):
    """Bytes that lie in the pool's shared memory instead of travelling."""

    name: str
    size: int


class Parcel(Header):
    """A pickle, and where its large buffers are: a segment each, or None for the next frame of the message."""

    data: bytes
    buffers: tuple[Segment | None, ...] = ()

    @property
    def bare(self) -> bool:
        """Whether it is a pickle without buffers; a large one is a buffer itself, as there is no data then."""
        return not self.buffers or (not self.data and len(self.buffers) == 1)


class Failure(Header):
    """The exception of one task: pickled, as a remote traceback, and in one line; `id` is that of its `Mishap`."""

    index: int
    error: bytes
    traceback: str
    line: str
    id: str = ""


class Spec(Header):
    """What all tasks of a job have in common."""

    function: bytes  # digest of the pickled function
    name: str  # of the function, for people
    root: str  # the root that all this is done for: fair shares and prints go by it
    run: int  # the root's cell or call that it belongs to
    group: int  # the node of the task tree
    parent: int  # the node above it, 0 at the top
    retries: int = 2
    priority: int = 0
    worker: str = ""  # run on this worker only
    path: tuple[tuple[str, int], ...] = ()  # names and nodes from the top of the tree down to this one
    limit: float = 0.0  # seconds that a task may run; 0 for as long as it takes


# ---- everybody to the broker, and its answers ------------------------------------------------------------------


class Hello(Header, tag="hello"):
    """The first word of every peer."""

    role: str  # root, worker, agent or recruiter
    pid: int
    host: str
    number: int = -1  # of a worker: which one
    shelf: str = ""  # that it sees; empty for a root on a host where the pool has no agent
    room: int = 0  # of an agent on another host: how many workers it is there for, to begin with


class Welcome(Header, tag="welcome"):
    """The broker's answer: the peer is known now."""

    pool: str


class Refused(Header, tag="refused"):
    """The broker's answer to a peer that it can't have."""

    reason: str


# ---- owners of jobs (roots and workers) to the broker, and back ------------------------------------------------


class Open(Header, tag="open"):
    """A new job, and its pickled function."""

    job: int
    spec: Spec
    parcel: Parcel


class Extend(Header, tag="extend"):
    """Tasks [lo, hi) of a job. `form` says how their arguments are packed (see payload).

    `skip` lists those that have failed already, because their arguments don't travel.
    """

    job: int
    lo: int
    hi: int
    form: str
    parcel: Parcel
    skip: tuple[int, ...] = ()


class Result(Header, tag="result"):
    """The outcome of tasks [lo, hi): a list of values, in which those that failed have None."""

    job: int
    lo: int
    hi: int
    form: str
    parcel: Parcel
    failures: tuple[Failure, ...] = ()
    worker: str = ""  # who has run them


class Lost(Header, tag="lost"):
    """One task was on board of too many deaths."""

    job: int
    index: int
    name: str
    status: int
    peak: int
    deaths: int
    limit: int = 0


class TimedOut(Header, tag="timed_out"):
    """One task was ended, for it ran longer than it may."""

    job: int
    index: int
    name: str
    limit: float


class Cancel(Header, tag="cancel"):
    """The owner does not want tasks [lo, hi) of a job any more; `gently`: those that no worker has been given."""

    job: int
    lo: int
    hi: int
    gently: bool = False


class CancelRun(Header, tag="cancel_run"):
    """The root is no longer interested in anything that was submitted in this run, at whatever depth."""

    run: int


class CancelTask(Header, tag="cancel_task"):
    """Cancel the task that a worker runs now, whoever submitted it. With a number for the answer: whether there is
    such a worker."""

    number: int
    worker: str


class Cancelled(Header, tag="cancelled"):
    """To an owner: one task was cancelled by somebody else, and its neighbours go on."""

    job: int
    index: int


class Halt(Header, tag="halt"):
    """Cancel all that runs or waits for any root; the workers stay."""


class Halted(Header, tag="halted"):
    """To a root: somebody had this run cancelled. What is submitted in it from now on is cancelled too."""

    run: int


class Close(Header, tag="close"):
    """The owner will not extend this job any more."""

    job: int


class Constant(Header, tag="constant"):
    """A shared constant, to the broker and from it to everybody."""

    name: str
    parcel: Parcel


class Settled(Header, tag="settled"):
    """The broker's word on a constant: whether it was new, and so is set."""

    name: str
    new: bool


class Ask(Header, tag="ask"):
    """A question to the broker: pool, picture or timeline (of run `job`), running (job, index), or call (that failed,
    by the `id` of its `Mishap`); with a number to answer by."""

    number: int
    what: str
    job: int = -1
    index: int = -1
    id: str = ""


class Answer(Header, tag="answer"):
    """What was asked for; plain data."""

    number: int
    value: Any


#: In place of a run's number: all of them; or those that have tasks which are not over, else the last one.
ALL, RECENT = -1, -2


class Watch(Header, tag="watch"):
    """A watcher asks for the next picture of a run, when there is news. One request, one picture: a watcher that is
    slow asks seldom, and nothing heaps up."""

    number: int
    run: int  # or ALL or RECENT
    root: str = ""  # whose run
    brief: bool = False  # without the tree


# ---- broker to workers, and back -------------------------------------------------------------------------------


class Define(Header, tag="define"):
    """A function; goes to each worker once, ahead of the first piece that needs it."""

    digest: bytes
    parcel: Parcel


class Forget(Header, tag="forget"):
    """This function will be defined anew before its next use."""

    digest: bytes


class Assign(Header, tag="assign"):
    """A piece for a worker: tasks [lo, hi) of a job; to last about `stint` seconds.

    Their arguments begin in the chunk `parcel`, whose first task is `base`; it is None if it has no buffers and the
    piece before has ended in it. `more` are the chunks behind it that the piece reaches into: of the same form, and
    none of them all has buffers.
    """

    seq: int
    owner: str
    job: int
    spec: Spec
    lo: int
    hi: int
    base: int
    form: str
    parcel: Parcel | None
    stint: float = 0.0
    more: tuple[Parcel, ...] = ()


class Ran(Header):
    """A stretch of time in which a worker ran tasks of one function."""

    root: str
    run: int
    name: str
    began: float  # seconds since 1970
    ended: float
    tasks: int  # that ended in it
    failed: int


class Done(Header, tag="done"):
    """A worker's outcome for tasks [lo, hi) of a piece, and how long they took together, in seconds."""

    seq: int
    lo: int
    hi: int
    form: str
    parcel: Parcel
    failures: tuple[Failure, ...]
    seconds: float
    longest: float
    rested: int  # it has nothing else to run, and the last piece that it was given is this one; else 0
    busy: float = 0.0  # seconds that this worker has spent in tasks, since it started
    cpu: float = 0.0  # seconds of CPU that it has used, since it started
    spans: tuple[Ran, ...] = ()  # what ran since this was last told


class Dropped(Header, tag="dropped"):
    """The worker let go of tasks [lo, hi), the end of a piece of which some were cancelled."""

    seq: int
    lo: int
    hi: int


class Overdue(Header, tag="overdue"):
    """The task of this piece, which is alone in it, runs for longer than it may."""

    seq: int


class Idle(Header, tag="idle"):
    """The worker has nothing it could run; of its pieces up to `seq` all are done or wait for others."""

    seq: int


class Rich(Header, tag="rich"):
    """The worker has tasks of its own in its queue, which it would share."""


class Share(Header, tag="share"):
    """Somebody is idle: give some of what you have not begun; or `everything`, for there is something more urgent."""

    everything: bool = False


class Shared(Header, tag="shared"):
    """The answer to `Share`: (seq, lo, hi), the ends of pieces that it gives back; tasks of its own, `own` of them,
    went ahead as jobs. Also sent unasked for what stands behind a task that waits."""

    back: tuple[tuple[int, int, int], ...]
    own: int
    rich: bool  # it has more tasks of its own


class Drop(Header, tag="drop"):
    """Tasks [lo, hi) of a piece are cancelled."""

    seq: int
    lo: int
    hi: int


class DropRun(Header, tag="drop_run"):
    """Tasks of this run (-1: of all) that the worker kept for itself are cancelled."""

    root: str
    run: int


class Interrupt(Header, tag="interrupt"):
    """End the task that runs now, the innermost one, and no other."""


class Interrupted(Header, tag="interrupted"):
    """The answer: this task of a piece has ended; `seq` is -1 if it was one of the worker's own, or none ran."""

    seq: int = -1
    index: int = -1


#: What is no text goes as a stream of this name: each message of it is JSON, that whoever shows it understands.
DISPLAY = "display"


class Output(Header, tag="output"):
    """What a task printed; goes to its root."""

    root: str
    run: int
    worker: str
    stream: str
    text: str


class GroupTally(Header):
    """A worker's account of one group of the task tree: `queued` and `running` as they are now, the rest as
    what came to it since the last tally."""

    group: int
    parent: int
    name: str
    root: str
    run: int
    queued: int
    running: int
    done: int
    failed: int
    cancelled: int
    seconds: float
    longest: float


class Mishap(Header, tag="mishap"):
    """What people are told of a task that failed, by the worker that ran it. It leaves before the outcome.

    `call` is function and arguments, pickled, for those who run it again; without, `why` says why. It is opaque to
    the broker, as all that is pickled.
    """

    id: str  # of this failure in its pool
    root: str
    run: int
    group: int
    parent: int
    name: str  # of the function
    line: str  # the exception in one line, by which different ones are told apart
    error: str  # the remote traceback
    arguments: str
    output: str  # the end of what the task printed
    source: str = ""  # the failure that this one has passed on: that of a task for which it waited
    call: bytes = b""
    why: str = ""


class Tally(Header, tag="tally"):
    """A worker's account of itself: of what the broker can't know from outcomes."""

    groups: tuple[GroupTally, ...]
    task: str
    since: float
    busy: float  # as in Done
    cpu: float = 0.0  # as in Done
    spans: tuple[Ran, ...] = ()  # as in Done
    open: Ran | None = None  # what has run since the last of these, and runs on
    waits: int = 0  # from this seq on its pieces have not begun; 0 if all have


# ---- managing the pool -----------------------------------------------------------------------------------------


class Scale(Header, tag="scale"):
    """Have n workers."""

    n: int


class Restart(Header, tag="restart"):
    """Cancel all, and replace every worker."""


class RestartWorker(Header, tag="restart_worker"):
    """Replace a worker; what it runs is run again elsewhere. With a number for the answer: whether it can be."""

    number: int
    worker: str


class Stop(Header, tag="stop"):
    """End: the whole pool (to the broker), or this process (from it)."""


class Retire(Header, tag="retire"):
    """To a worker: give back what you have not begun, finish the rest and leave."""


class Wanted(Header, tag="wanted"):
    """To the recruiter: so many workers there should be; these agents are there, and these are about to leave."""

    n: int
    agents: tuple[str, ...]
    leaving: tuple[str, ...] = ()


class Rooms(Header, tag="rooms"):
    """From the recruiter: how many workers each of these agents should have. One without any is let go."""

    rooms: tuple[tuple[str, int], ...]


class Recruit(Header):
    """An agent that was sent for, for people."""

    agent: str
    host: str  # empty where a batch system chooses
    job: str  # what the launcher calls it
    state: str  # pending, running, over
    slots: int
    trouble: str = ""  # why it could not be started, or has ended


class Recruits(Header, tag="recruits"):
    """From the recruiter: all agents that it has sent for."""

    rows: tuple[Recruit, ...]


class Leaving(Header, tag="leaving"):
    """From an agent: its time is nearly over, as that of a batch job is."""


class Store(Header, tag="store"):
    """To an agent, or from another host to the broker: a segment for the shelf there, with its bytes as a frame."""

    segment: Segment


class Stored(Header, tag="stored"):
    """The answer of the agent: whether there was room for it."""

    segment: Segment
    fits: bool


class Discard(Header, tag="discard"):
    """As `Store`: nobody needs these segments any more."""

    segments: tuple[Segment, ...]


class Spawn(Header, tag="spawn"):
    """To an agent: start the worker of this number."""

    number: int


class Kill(Header, tag="kill"):
    """To an agent: end this worker at once."""

    number: int


class Observe(Header, tag="observe"):
    """To an agent: somebody watches, send usage for a while."""

    seconds: float


class Usage(Header, tag="usage"):
    """From an agent: (number, CPU seconds, bytes of memory, share of a core that is used now) of its workers."""

    workers: tuple[tuple[int, float, int, float], ...]


class Exited(Header, tag="exited"):
    """From an agent: a worker is gone. `status` as of subprocess (negative: a signal); `begun` is the highest seq it
    had begun; `peak` in bytes; `limit`, if it was ended because it used more memory than this."""

    number: int
    pid: int
    status: int
    begun: int
    peak: int
    limit: int = 0


Message = (
    Hello | Welcome | Refused | Open | Extend | Result | Lost | TimedOut | Cancel | CancelRun | CancelTask | Cancelled
    | Halt | Halted | Close | Constant | Settled | Ask | Answer | Watch | Define | Forget | Assign | Done | Dropped
    | Overdue | Idle | Rich | Share | Shared | Drop | DropRun | Interrupt | Interrupted | Output | Mishap | Tally
    | Scale | Restart | RestartWorker | Stop | Retire | Wanted | Rooms | Recruits | Leaving | Store | Stored | Discard
    | Spawn | Kill | Observe | Usage | Exited
)  # fmt: skip

#: Raw bytes behind a header.
Frames = list[Any]

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Message)

#: For messages whose text came with others, as it does to the broker; else see `encode_any`.
encode = _encoder.encode
decode = _decoder.decode


def encode_any(header: Header) -> bytes:
    """The bytes of a message. Text that is none in UTF-8, such as a file name in a task's error, is written out."""
    try:
        return _encoder.encode(header)
    except UnicodeEncodeError:
        return _encoder.encode(_written(msgspec.to_builtins(header, builtin_types=(bytes,))))


def _written(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, (list, tuple)):
        return [_written(item) for item in value]
    if isinstance(value, dict):
        return {_written(key): _written(item) for key, item in value.items()}
    return value


#: What `decode` raises for bytes that are no message.
BadMessage = (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
