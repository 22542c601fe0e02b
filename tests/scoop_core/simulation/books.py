"""What the broker is checked against, after every message that it takes."""

from __future__ import annotations

from collections import Counter

from scoop_core import messages as m
from scoop_core.broker_state import BrokerState
from scoop_core.ledger import Job, Piece, Send


class Books:
    """What the broker is checked against: every task that it knows, and who ended it."""

    def __init__(self, state: BrokerState) -> None:
        self._state = state
        self._there: dict[tuple[str, int], set[int]] = {}  # tasks that the broker had after the last message
        self._unwanted: dict[tuple[str, int], set[int]] = {}  # tasks of these that were cancelled

    def before(self, peer: str, message: m.Header) -> set[int]:
        """Note what a message will change; the tasks that it brings."""
        if isinstance(message, m.Extend):
            return set(range(message.lo, message.hi)).difference(message.skip)
        if isinstance(message, m.Cancel):
            self._cancel((peer, message.job), set(range(message.lo, message.hi)))
        elif isinstance(message, m.CancelRun):
            for key, job in self._state.ledger.jobs.items():
                if (job.spec.root, job.spec.run) == (peer, message.run):
                    self._cancel(key, self._there[key])
        elif isinstance(message, (m.Restart, m.Halt)):
            for key, tasks in self._there.items():
                self._cancel(key, tasks)
        elif isinstance(message, m.Exited):
            self.orphan(f"w{message.number}")
        return set()

    def orphan(self, owner: str) -> None:
        """Nobody waits for this owner's jobs; nor for those that are done for this root."""
        for key, job in self._state.ledger.jobs.items():
            if owner in (key[0], job.spec.root):
                self._cancel(key, self._there[key])

    def _cancel(self, key: tuple[str, int], tasks: set[int]) -> None:
        self._unwanted[key] = self._unwanted.get(key, set()) | tasks

    def after(self, source: tuple[str, int] | None, arrived: set[int], sends: list[Send]) -> None:
        """Compare the broker's books with each other, and with what it was told and says.

        Args:
            source: the job to which the message brought tasks, if it did.
            arrived: these tasks.
            sends: what the broker says.
        """
        said = self._said(sends)
        there = self._places()
        for key in {*there, *self._there, *said}:
            before, now = self._there.get(key, set()), there.get(key, set())
            ended = said.get(key, set())
            if before == now and not ended and key != source:
                continue
            known = before | arrived if key == source else before
            assert now <= known, f"{key}: tasks {now - known} come from nowhere"
            gone = known - now
            assert ended <= gone, f"{key}: the outcome of {ended - gone} is sent, but they are not over"
            vanished = gone - ended - self._unwanted.get(key, set())
            assert not vanished, f"{key}: tasks {vanished} have vanished"
        self._there = there
        self._unwanted = {key: self._unwanted[key] & there[key] for key in self._unwanted.keys() & there.keys()}

    def _said(self, sends: list[Send]) -> dict[tuple[str, int], set[int]]:
        said: dict[tuple[str, int], set[int]] = {}
        for send in sends:
            header = send.header
            if isinstance(header, (m.Result, m.Lost)):
                tasks = range(header.lo, header.hi) if isinstance(header, m.Result) else (header.index,)
                mine = said.setdefault((send.to, header.job), set())
                assert mine.isdisjoint(tasks), f"two outcomes of {tasks} of job {header.job} of {send.to}"
                mine.update(tasks)
            elif isinstance(header, m.Cancel):
                self._cancel((send.to, header.job), set(range(header.lo, header.hi)))
            elif isinstance(header, (m.TimedOut, m.Cancelled)):
                self._cancel((send.to, header.job), {header.index})
            elif isinstance(header, m.Assign):
                assert not self._state.ledger.workers[send.to].retiring, f"{send.to} is retiring, and is given work"
        return said

    def _places(self) -> dict[tuple[str, int], set[int]]:
        """The tasks of every job, from wherever they are; each must be in one place, and all sums be right."""
        ledger = self._state.ledger
        pieces: dict[int, list[Piece]] = {}
        for worker in ledger.workers.values():
            for piece in worker.pieces():
                job = piece.job
                assert ledger.jobs.get((job.owner, job.number)) is job, f"a piece of a forgotten job: {piece}"
                assert piece.lo < piece.hi, f"an empty piece: {piece}"
                pieces.setdefault(id(job), []).append(piece)
        users: Counter[bytes] = Counter()
        left: Counter[tuple[str, int, int]] = Counter()
        found = {}
        for key, job in ledger.jobs.items():
            assert not (job.closed and not job.left), f"{key} is over, but kept"
            users[job.spec.function] += 1
            left[job.spec.root, job.spec.run, job.spec.group] += job.left
            found[key] = self._tasks(job, pieces.get(id(job), []))
            if job.waiting:
                self._check_listed(job)
        for digest, function in ledger.functions.items():
            assert function.jobs == users[digest], f"{digest!r} counts {function.jobs} jobs, not {users[digest]}"
        for (root, number), run in ledger.tree._runs.items():
            for node in run.groups.values():
                assert node.left == left.pop((root, number, node.id), 0), (
                    f"the tree counts {node.left} of {node.name}"
                )
        assert not any(count for key, count in left.items() if key[0] in ledger.peers), f"not in the tree: {left}"
        for name, worker in ledger.workers.items():
            if name in ledger.idle:
                assert worker.state == "idle" and not worker.retiring and not worker.held, f"{name} is not idle"
            assert not (worker.held.keys() & worker.parked.keys())
        for name, seq in self._state.endings.patience:
            worker = ledger.workers[name]
            piece = worker.held.get(seq) or worker.parked[seq]
            assert any(c for _, _, c in piece.parts(piece.lo, piece.hi)), f"{name} is to be killed for nothing"
        return found

    def _tasks(self, job: Job, pieces: list[Piece]) -> set[int]:
        tasks: list[int] = []
        for span in job.waiting:
            assert span.lo < span.hi, f"an empty span: {span}"
            tasks += range(span.lo, span.hi)
        assert job.queued == len(tasks), f"{job.queued} are said to wait, not {len(tasks)}"
        for piece in pieces:
            tasks += range(piece.lo, piece.hi)
        assert job.left == len(tasks), f"{job.left} are said to be left, not {len(tasks)}"
        there = set(tasks)
        assert len(there) == len(tasks), f"a task is in two places: {sorted(tasks)}"
        end, inside = 0, 0
        for chunk in job.chunks:
            assert end <= chunk.lo < chunk.hi, "chunks overlap, or are out of order"
            end = chunk.hi
            here = len(there.intersection(range(chunk.lo, chunk.hi)))
            assert chunk.left == here > 0, f"a chunk is said to have {chunk.left} left, not {here}"
            inside += here
        assert inside == len(there), "arguments of some tasks are gone"
        return there

    def _check_listed(self, job: Job) -> None:
        ledger, spec = self._state.ledger, job.spec
        if spec.worker:
            listed = [j for j in ledger.workers[spec.worker].own if j is job]
        else:
            listed = [j for jobs in ledger.roots[spec.root].ready.values() for j in jobs if j is job]
        assert len(listed) == 1, f"job {job.number} of {job.owner} waits in {len(listed)} queues"
