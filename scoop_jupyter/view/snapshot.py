"""What a panel shows, at one moment: the types of the snapshot that the engine gives, and of the timeline."""

from typing import Literal, NotRequired, TypedDict

PoolState = Literal["starting", "running", "stopped", "lost"]
WorkerState = Literal["starting", "idle", "busy", "lost", "stopped"]
Status = Literal["starting", "waiting", "running", "done", "failed", "cancelled", "stopped", "lost"]


class RecruitRow(TypedDict):
    """Another host, or a batch job, that should have workers."""

    agent: str  # empty where nobody was sent for yet
    host: str  # empty where a batch system chooses
    job: str
    state: Literal["pending", "running", "over"]
    slots: int
    trouble: str


class Missing(TypedDict):
    """In words: which of them are not there; see `recruits.py`."""

    says: str
    troubles: list[str]  # why, for those that could not be had


class PoolRow(TypedDict):
    """The pool that the run is on."""

    name: str
    state: PoolState
    wanted: NotRequired[int]  # workers that it should have
    recruits: NotRequired[list[RecruitRow]]


class TaskCounts(TypedDict):
    """How many tasks are in each state."""

    queued: int
    running: int
    done: int
    failed: int
    cancelled: int


class WorkerRow(TypedDict):
    """One worker: what it is doing, and what it has done."""

    name: str
    pid: int
    host: str
    state: WorkerState
    busy: float  # share of the last second spent in tasks, 0 to 1
    cpu: float  # seconds
    cpu_share: NotRequired[float]  # of one core, over the last second or so
    memory: int  # bytes
    task: str | None  # name of the function that runs now
    since: float | None  # when that began, unix seconds
    done: int
    prints: NotRequired[int]  # lines that its tasks have printed


class FailureRow(TypedDict):
    """One of the different ways in which the tasks of a group have failed."""

    id: str  # names the call, for `%scoop debug`; empty if it can't be replayed
    error: str  # the remote traceback
    arguments: str
    output: str  # what it had printed
    worker: str


class GroupRow(TaskCounts):
    """The tasks that one function has under one parent group."""

    id: int
    parent: int | None
    name: str
    seconds: float  # sum of the tasks' times
    longest: float  # seconds
    failures: list[FailureRow]  # the first few different ones
    workers: NotRequired[int]  # how many have run tasks of it
    sent: NotRequired[int]  # bytes of arguments and functions


class Snapshot(TypedDict):
    """All that a panel shows, at one moment. Times are unix seconds; the groups are a tree by ``parent``."""

    pool: PoolRow
    time: float
    started: float | None
    ended: float | None
    tasks: TaskCounts
    cpu: float  # seconds of CPU that the workers have used for it
    busy: float  # seconds that they have spent in tasks, whether these computed or waited
    workers: list[WorkerRow]
    groups: list[GroupRow]
    hint: NotRequired[str]  # why it was slow, once it is over
    missing: NotRequired[Missing | None]  # hosts, while it goes on


class Lane(TypedDict):
    """One worker's part of a timeline."""

    worker: str
    spans: list[list[float]]  # index of the function, began, ended, how many tasks, how many of them failed


class Timeline(TypedDict):
    """What ran where and when. Times are unix seconds."""

    began: float
    ended: float
    functions: list[str]
    lanes: list[Lane]


def empty_snapshot(name: str = "scoop", state: PoolState = "starting") -> Snapshot:
    """Return the snapshot of a pool called `name` that has no workers and no tasks yet."""
    return {
        "pool": {"name": name, "state": state},
        "time": 0.0,
        "started": None,
        "ended": None,
        "tasks": {"queued": 0, "running": 0, "done": 0, "failed": 0, "cancelled": 0},
        "cpu": 0.0,
        "busy": 0.0,
        "workers": [],
        "groups": [],
    }
