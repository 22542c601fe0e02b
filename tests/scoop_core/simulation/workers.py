"""Workers in a simulation: they follow the protocol as `scoop_core.worker` and its rooms do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from scoop_core import messages as m
from scoop_core.config import FLUSH_SECONDS, QUIET_SECONDS
from scoop_core.task_tree import Place, top
from scoop_core.worker_state import GroupCount, Piece, Stretch, WorkerState
from tests.scoop_core.simulation.owners import NOTHING, Function, OwnedJob, Peer, whose

if TYPE_CHECKING:
    from tests.scoop_core.simulation.scenarios import Simulation

#: What a fiber says when it gives way: time passed in the user's code, or in code that can't be interrupted; it is
#: parked; its process dies.
TICK, DEAF, PARK, DIE = "tick", "deaf", "park", "die"
#: Tasks within each other on one stack.
MAX_DEPTH = 3

Body = Generator[str, None, None]


class TaskError(Exception):
    """What a simulated task raises."""


class Interrupted(BaseException):
    """A simulated task is cancelled."""


class Skipped(Interrupted):
    """A simulated task is cancelled, and those around it go on."""


class Call:
    """A task that a worker submitted, and its future."""

    def __init__(self, function: Function, group: GroupCount) -> None:
        self.function = function
        self._group = group
        self.outcome = ""
        self.job: OwnedJob | None = None
        self.index = -1
        self.wakes: list[Callable[[], None]] = []

    def __call__(self, how: str) -> None:
        if not self.outcome:
            self.outcome = how
            for wake in self.wakes:
                wake()


class Map:
    """A map that a worker submitted."""

    def __init__(self, function: Function, group: GroupCount, count: int) -> None:
        self.function = function
        self._group = group
        self.count = count
        self.job: OwnedJob | None = None
        self.outcomes: dict[int, str] = {}
        self.lots: dict[int, Lot] = {}
        self.was_cancelled = False
        self.wake: Callable[[], None] = lambda: None

    def put(self, index: int, how: str) -> None:
        assert index not in self.outcomes, f"task {index} of a map of {self.function.name} ended twice"
        self.outcomes[index] = how
        if how == "cancelled":
            self.was_cancelled = True
        self.wake()

    def cancelled(self) -> None:
        self.was_cancelled = True
        self.wake()


class Lot(Stretch):
    """Tasks of a map that their worker keeps for itself."""

    def __init__(self, of: Map, lo: int, hi: int) -> None:
        super().__init__(lo, hi)
        self.map = of
        self._group = of._group


class Fiber:
    """A generator in the place of a greenlet."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.piece: Any = None
        self.depth = 0
        self.parked = False
        self.deaf = False


class Worker(Peer):
    """A worker process, step by step; the methods are named as those of the real one and of its rooms."""

    def __init__(self, sim: Simulation, number: int) -> None:
        super().__init__(sim, f"w{number}")
        self.number = number
        self.agent = ""
        self.rng = sim.rng
        self.state = WorkerState()
        self.greeted = False
        self.functions: set[bytes] = set()
        self.groups: dict[Any, GroupCount] = {}
        self.context: GroupCount | None = None
        self.running: Stretch | None = None
        self.current: Fiber | None = None
        self.ready: deque[tuple[Fiber, BaseException | None]] = deque()
        self.urgent: deque[Callable[[], Body]] = deque()
        self.fibers: list[Fiber] = []
        self.target: Fiber | None = None
        self.alone = False  # of the target, end the innermost task only
        self.seq = 0
        self.chunk: m.Parcel | None = None  # of the last piece
        self.late: deque[m.Header] = deque()  # what the IO thread is about to send
        self.begun = 0  # on the board
        self.rested = True
        self.told_rich = False
        self.retiring = False
        self.told = 0.0
        self.refused = False  # it was asked for a share, and what there is was not worth it

    # ---- the main thread ---------------------------------------------------------------------------------------

    def can_step(self) -> bool:
        """Whether the main thread would do something."""
        if not self.greeted or self.current is not None or self.has_work():
            return True
        return self.retiring and not self.state.begun and not self.pending

    def has_work(self) -> bool:
        return bool(self.ready or self.urgent or not self.state.empty or not self.rested)

    def step(self) -> None:
        """Let the main thread go on until it gives way."""
        if not self.greeted:
            self.greeted = True
            self.send(m.Hello("worker", 100 + self.number, "here", self.number))
        elif self.current is not None:
            error: BaseException | None = None
            if self.target is self.current and not self.current.deaf:
                self.target, error = None, Skipped() if self.alone else Interrupted()
            self.resume(self.current, error)
        elif self.ready:
            fiber, error = self.ready.popleft()
            if fiber.parked:
                fiber.parked = False
                self.resume(fiber, error)
        elif (work := self.urgent.popleft() if self.urgent else self.next()) is not None:
            fiber = Fiber(work())
            self.fibers.append(fiber)
            self.resume(fiber, None)
        else:
            self.idle()

    def resume(self, fiber: Fiber, error: BaseException | None) -> None:
        self.current = fiber
        try:
            what = next(fiber.body) if error is None else fiber.body.throw(error)
        except StopIteration:
            self.fibers.remove(fiber)
            self.current = None
            self.miss(fiber)
            return
        fiber.deaf = what == DEAF
        if self.sim.now >= self.told + (FLUSH_SECONDS if self.has_news() else QUIET_SECONDS):
            self.tally()
        if what == PARK:
            fiber.parked = True
            self.current = None
            if self.target is fiber and not self.alone:  # the signal finds it parked
                self.target = None
                self.ready.append((fiber, Interrupted()))
            self.miss(fiber)
        elif what == DIE:
            self.sim.die(self, -11)

    def miss(self, fiber: Fiber) -> None:
        """It is not interrupted any more."""
        if self.target is fiber:
            self.target = None
            if self.alone:
                self.send(m.Interrupted())

    def next(self) -> Callable[[], Body] | None:
        task = self.state.next()
        if task is None:
            return None
        self.rested = False
        if type(task) is Piece:
            return lambda: self.run_piece(task)
        return lambda: self.run_alone(task)

    def idle(self) -> None:
        self.told_rich = False
        if self.retiring and not self.state.begun and not self.pending:
            self.tally()
            self.sim.die(self, 0)
        elif not self.rested:
            self.rested = True
            self.send(m.Idle(self.seq))

    # ---- tasks -------------------------------------------------------------------------------------------------

    def spend(self, cost: float) -> None:
        self.sim.now += self.rng.expovariate(1 / cost)

    def task(self, function: Function, index: int) -> Body:
        """What a task does."""
        rng, kind = self.rng, function.kind
        if index in function.deadly or (kind == "flaky" and rng.random() < 0.2):
            yield TICK
            yield DIE
        for _ in range(rng.choice((0, 1, 1, 2))):
            self.spend(function.cost)
            yield TICK
        if kind == "deaf":
            for _ in range(30 if rng.random() < 0.2 else 1):
                self.spend(0.1)
                yield DEAF
        elif kind == "raise" and rng.random() < 0.5:
            raise TaskError
        elif kind in ("fork", "send", "leave"):
            assert function.child
            pinned = rng.choice([*self.sim.workers, ""]) if kind == "send" and self.sim.pins else ""
            calls = [self.submit(function.child, kind == "send", pinned) for _ in range(function.fanout)]
            self.spend(function.cost)
            yield TICK
            if kind == "leave" and rng.random() < 0.5:
                return  # without waiting for them
            if self.sim.cancels and rng.random() < 0.1:
                self.cancel_call(rng.choice(calls))
            for call in calls:
                yield from self.wait_for(call)
                if call.outcome != "done":
                    raise TaskError
        elif kind == "map":
            assert function.child
            yield from self.run_map(function.child, function.fanout)

    def run_map(self, function: Function, count: int) -> Body:
        of = self.start_map(function, count)
        self.spend(0.001)
        yield TICK
        try:
            for index in range(count):
                while index not in of.outcomes:
                    if of.was_cancelled:
                        raise TaskError
                    yield from self.await_map(of, index)
        except Interrupted:  # as MapResult drops the rest of its job
            of.was_cancelled = True
            for lot in [lot for lot in of.lots.values() if self.state.claim(lot)]:
                del of.lots[lot.lo]
                lot._group.queued -= lot.hi - lot.lo
                lot._group.cancelled += lot.hi - lot.lo
            if of.job is not None:
                self.cancel(of.job, 0, of.job.sent)
                self.close(of.job)
            raise
        if of.job is not None:
            self.close(of.job)

    # ---- submitting --------------------------------------------------------------------------------------------

    def group(self, root: str, run: int, place: Place, name: str) -> GroupCount:
        key = (root, run, place.group)
        if key not in self.groups:
            self.groups[key] = GroupCount(place, name, root, run)
        return self.groups[key]

    def kid(self, function: Function) -> GroupCount:
        above = self.context
        assert above is not None
        return self.group(above.root, above.run, above.place.child(function.name), function.name)

    def count_new(self, group: GroupCount, count: int) -> None:
        group.queued += count
        self.sim.created[group.root, group.run, group.place.group] += count

    def submit(self, function: Function, at_once: bool, pinned: str) -> Call:
        group = self.kid(function)
        call = Call(function, group)
        self.count_new(group, 1)
        if at_once:
            self.hand_over(call, pinned)
            self.flush()
            return call
        self.state.pending[call] = None
        self.announce()
        return call

    def announce(self) -> None:
        if not self.told_rich and len(self.state.pending) > 1:
            self.told_rich = True
            self.send(m.Rich())

    def hand_over(self, call: Call, pinned: str = "") -> None:
        group = call._group
        group.queued -= 1
        self.grow(call.function, group.root, group.run, group.place, call, pinned)

    def start_map(self, function: Function, count: int) -> Map:
        of = Map(function, self.kid(function), count)
        self.count_new(of._group, count)
        cuts = sorted({0, count, *(self.rng.randrange(count) for _ in range(self.rng.randrange(3)))})
        for lo, hi in reversed(list(pairwise(cuts))):
            of.lots[lo] = lot = Lot(of, lo, hi)
            self.state.pending[lot] = None
        self.announce()
        return of

    # ---- waiting -----------------------------------------------------------------------------------------------

    def wait_for(self, call: Call) -> Body:
        fiber = self.current
        assert fiber is not None
        if self.state.claim(call):
            if fiber.depth < MAX_DEPTH:
                yield from self.run_call(call)
                return
            self.urgent.append(lambda: self.run_alone(call))
        call.wakes.append(lambda: self.ready.append((fiber, None)))
        yield from self.sleep(fiber, lambda: bool(call.outcome))

    def await_map(self, of: Map, index: int) -> Body:
        fiber = self.current
        assert fiber is not None
        lot = of.lots.get(index)
        if lot is not None and self.state.claim(lot):
            if fiber.depth < MAX_DEPTH:
                yield from self.run_lot(lot)
                return
            self.urgent.append(lambda: self.run_alone(lot))
        of.wake = lambda: self.ready.append((fiber, None))
        yield from self.sleep(fiber, lambda: of.was_cancelled or index in of.outcomes)

    def sleep(self, fiber: Fiber, until: Callable[[], bool]) -> Body:
        context, running = self.context, self.running
        while not until():
            piece = fiber.piece
            self.lock(piece)
            if isinstance(piece, Piece) and (part := piece.cut(half=False)):
                self.send(m.Shared(((piece.assign.seq, part[0], part[1]),), 0, self.told_rich))
            self.context = self.running = None
            try:
                yield PARK
            finally:
                self.context, self.running = context, running

    # ---- running -----------------------------------------------------------------------------------------------

    def run_alone(self, task: Any) -> Body:
        assert self.current is not None
        self.current.piece = task
        try:
            yield from self.run_lot(task) if type(task) is Lot else self.run_call(task)
        except Interrupted:
            pass

    def run_call(self, call: Call) -> Body:
        group, fiber = call._group, self.current
        assert fiber is not None
        outer, self.context = self.context, group
        fiber.depth += 1
        group.queued -= 1
        group.running += 1
        try:
            yield from self.task(call.function, 0)
        except Interrupted as stop:
            group.cancelled += 1
            call("cancelled")
            if not isinstance(stop, Skipped):
                raise
            self.send(m.Interrupted())
        except TaskError:
            group.failed += 1
            call("failed")
        else:
            group.done += 1
            call("done")
        finally:
            group.running -= 1
            fiber.depth -= 1
            self.context = outer

    def run_lot(self, lot: Lot) -> Body:
        group, fiber = lot._group, self.current
        assert fiber is not None
        outer, self.context = self.context, group
        before, self.running = self.running, lot
        fiber.depth += 1
        count = lot.hi - lot.lo
        lot.begin(range(lot.lo, lot.hi))
        group.queued -= count
        group.running += 1
        out: list[str] = []
        try:
            while True:
                try:
                    for index in lot.items:
                        yield from self.task(lot.map.function, index)
                        out.append("done")
                except Skipped:
                    out.append("cancelled")
                    group.cancelled += 1
                    self.send(m.Interrupted())
                    continue
                except Interrupted:
                    group.cancelled += lot.hi - lot.lo - out.count("failed") - out.count("cancelled")
                    group.queued += count - (lot.hi - lot.lo)
                    lot.map.cancelled()
                    raise
                except TaskError:
                    out.append("failed")
                    group.failed += 1
                    continue
                if not lot.go_on():
                    break
            group.queued += count - len(out)
            group.done += out.count("done")
            for index, how in enumerate(out, lot.lo):
                lot.map.put(index, how)
        finally:
            group.running -= 1
            fiber.depth -= 1
            lot.map.lots.pop(lot.lo, None)
            self.context, self.running = outer, before

    def run_piece(self, piece: Piece) -> Body:
        assign, fiber = piece.assign, self.current
        assert fiber is not None
        if self.rng.random() < 0.05:  # here it is in no queue
            yield DEAF
        assert assign.spec.function in self.functions, "a piece came without its function"
        fiber.piece = piece
        self.state.begin(piece)
        piece.due = assign.spec.limit
        self.begun = assign.seq
        spec = assign.spec
        place = Place(spec.group, spec.parent, spec.path)
        self.context = self.group(spec.root, spec.run, place, spec.name)
        self.running = piece
        piece.since = self.sim.now
        piece.begin(range(piece.lo, piece.hi))
        function = self.sim.functions[spec.function]
        try:
            while True:
                try:
                    for index in piece.items:
                        yield from self.task(function, index)
                        piece.out.append(index)
                        if self.rng.random() < 0.1:
                            self.report(piece, over=False)
                except Interrupted as stop:
                    piece.cancelled = True
                    if isinstance(stop, Skipped):
                        self.lock(piece)
                        self.send(m.Interrupted(assign.seq, piece.lo + len(piece.out)))
                        if part := piece.cut(half=False):
                            self.send(m.Dropped(assign.seq, part[0], part[1]))
                    break
                except TaskError:
                    index = piece.lo + len(piece.out)
                    piece.failures.append(m.Failure(index, b"", "", f"TaskError: {index}"))
                    piece.out.append(None)
                    continue
                if not piece.go_on():
                    break
        except GeneratorExit:  # its process died
            return
        self.context, self.running = None, None
        self.report(piece, over=True)
        del self.state.begun[assign.seq]

    def report(self, piece: Piece, over: bool) -> None:
        if self.has_news():
            self.tally()
        self.lock(piece)
        count = len(piece.out) - piece.sent
        lo = piece.lo + piece.sent
        failures = tuple(f for f in piece.failures if f.index >= lo)
        piece.sent += count
        since, piece.since = piece.since, self.sim.now
        if count:
            rest = over and not self.retiring and self.state.empty and not self.ready and len(self.state.begun) == 1
            idle = rest and lo + count == piece.hi and not any(j.waiting for j in self.growing.values())
            if idle:
                self.rested = True
                self.told_rich = False
            seconds = piece.since - since
            seq = piece.assign.seq
            now = self.sim.now
            rested = self.seq if idle else 0
            each = seconds / count
            self.send(m.Done(seq, lo, lo + count, "values", NOTHING, failures, seconds, each, rested, now, now))
        if over and lo + count < piece.hi:
            self.send(m.Dropped(piece.assign.seq, lo + count, piece.hi))

    def tally(self) -> None:
        self.told = self.sim.now
        self.refused = False
        tallies = tuple(t for g in self.groups.values() if (t := g.tally()) is not None)
        now, context, running = self.sim.now, self.context, self.running
        own = context and isinstance(running, Piece) and running.assign.spec.group == context.place.group
        name, since = context.name if context else "", 1.0 if own else 0.0
        self.send(m.Tally(tallies, name, since, now, now, waits=self.state.waits))

    def has_news(self) -> bool:
        """Whether the broker should hear of it soon."""
        return self.refused or any(
            (g.queued, g.running, g.done, g.failed, g.cancelled) != g.told for g in self.groups.values()
        )

    # ---- messages ----------------------------------------------------------------------------------------------

    def check(self, piece: m.Assign) -> None:
        """Whether there is something to do in it, and all arguments have come with it or with the piece before."""
        chunks = [self.chunk if piece.parcel is None else piece.parcel, *piece.more]
        end = piece.base
        for chunk in chunks:
            assert chunk is not None, f"arguments that should be here are not: {piece}"
            assert len(chunks) == 1 or not chunk.buffers, f"there is no telling whose frames these are: {piece}"
            lo, hi = whose(chunk)
            assert lo == end, f"arguments of other tasks: {piece}"
            end = hi
        assert piece.base <= piece.lo < piece.hi <= end, f"not the arguments of these: {piece}"
        self.chunk = chunk if chunk is not None and chunk.bare else None

    def handle(self, message: m.Header) -> None:
        self.tell_late()
        if isinstance(message, m.Assign):
            self.check(message)
            self.seq = message.seq
            self.rested = False
            self.state.pieces.append(Piece(message, m.Parcel(b""), []))
        elif isinstance(message, m.Define):
            self.functions.add(message.digest)
        elif isinstance(message, m.Forget):
            self.functions.remove(message.digest)
        elif isinstance(message, m.Share):
            self.share(message.everything)
        elif isinstance(message, m.Drop):
            self.drop(message)
        elif isinstance(message, m.DropRun):
            self.drop_run(message)
        elif isinstance(message, m.Interrupt):
            self.skip()
        elif isinstance(message, m.Retire):
            self.retire()
        else:
            super().handle(message)

    def share(self, everything: bool) -> None:
        if everything:
            back = self.state.give_back(self.running)
            self.tell_shared(back, 0)
            return
        busy = self.context is not None
        back, own, part = self.state.share(self.running, busy, lambda stretch: self.sim.rng.random() < 0.8)
        given = 0
        for task in own:
            if type(task) is Lot:
                given += self.export(task, task.lo, task.hi)
            else:
                self.hand_over(task)
                given += 1
        if part is not None:
            assert isinstance(self.running, Lot)
            given += self.export(self.running, part[0], part[1])
        self.flush()
        self.tell_shared(back, given, look=True)

    def tell_shared(self, back: Sequence[tuple[Piece, int, int]], given: int, look: bool = False) -> None:
        """Whether it is rich is what it has said, or what is so (`look`), when this leaves."""
        self.send_late(m.Shared(tuple((piece.assign.seq, lo, hi) for piece, lo, hi in back), given, look))

    def send_late(self, message: m.Header) -> None:
        """The IO thread says what it did: what the main thread says meanwhile may come before."""
        self.late.append(message)
        if self.sim.rng.random() < 0.5:
            self.tell_late()

    def lock(self, piece: Any) -> None:
        """The IO thread has the lock of a piece until it has said what it did with it."""
        for message in self.late:
            if isinstance(message, m.Shared):
                seqs = {seq for seq, _, _ in message.back}
            else:
                assert isinstance(message, m.Dropped)
                seqs = {message.seq}
            if isinstance(piece, Piece) and piece.assign.seq in seqs:
                self.tell_late()
                return

    def tell_late(self) -> None:
        while self.late:
            message = self.late.popleft()
            if isinstance(message, m.Shared):
                if message.rich:
                    self.told_rich = bool(self.state.pending)
                message = m.Shared(message.back, message.own, self.told_rich)
                spent = self.state.empty and (self.running is None or self.running.is_spent)
                self.refused = not (message.back or message.own or spent)
            self.send(message)

    def export(self, lot: Lot, lo: int, hi: int) -> int:
        of, group = lot.map, lot._group
        if of.job is None:
            of.job = self.open_job(of.function, group.root, group.run, group.place)
        of.lots.pop(lo, None)
        group.queued -= hi - lo
        job = of.job

        def whom(index: int) -> Callable[[str], None]:
            return lambda how: of.put(index, how)

        job.sent = max(job.sent, hi)
        self.extend(job, lo, [whom(index) for index in range(lo, hi)])
        return hi - lo

    def look_at_limits(self) -> None:
        """What runs with a limit has run for too long."""
        for piece in self.state.begun.values():
            if piece.due:
                piece.due = 0.0
                self.send(m.Overdue(piece.assign.seq))

    def drop(self, message: m.Drop) -> None:
        piece = self.state.find(message.seq)
        if piece is None:
            return
        if piece in self.state.pieces:
            self.state.pieces.remove(piece)
            self.send_late(m.Dropped(message.seq, piece.lo, piece.hi))
            self.rested = False
            return
        if part := piece.cut(half=False):
            self.send_late(m.Dropped(message.seq, part[0], part[1]))
        if message.lo <= piece.lo + len(piece.out) < min(message.hi, piece.hi):
            self.interrupt(lambda fiber: fiber.piece is piece)

    def drop_run(self, message: m.DropRun) -> None:
        def of_run(group: GroupCount | None) -> bool:
            return group is not None and group.root == message.root and message.run in (group.run, -1)

        for task in [t for t in self.state.pending if of_run(t._group)]:
            assert self.state.claim(task)
            count = task.hi - task.lo if type(task) is Lot else 1
            task._group.queued -= count
            task._group.cancelled += count
            if type(task) is Lot:
                task.map.cancelled()
            else:
                task("cancelled")
        self.interrupt(
            lambda fiber: not isinstance(fiber.piece, Piece) and of_run(getattr(fiber.piece, "_group", None))
        )

    def interrupt(self, chosen: Callable[[Fiber], bool]) -> None:
        for fiber in self.fibers:
            if chosen(fiber):
                if fiber.parked:
                    self.ready.append((fiber, Interrupted()))
                else:
                    self.target, self.alone = fiber, False

    def skip(self) -> None:
        if self.current is None or self.current.piece is None:
            self.send(m.Interrupted())
        elif self.target is None:
            self.target, self.alone = self.current, True

    def retire(self) -> None:
        self.retiring = True
        self.tell_shared(self.state.give_back(None), 0)

    def cancel_call(self, call: Call) -> None:
        if self.state.claim(call):
            call._group.queued -= 1
            call._group.cancelled += 1
            call("cancelled")
        elif call.job is not None and call.index >= 0:
            if call.index >= call.job.sent:
                self.flush()
            self.cancel(call.job, call.index, call.index + 1)

    def close_fibers(self) -> None:
        for fiber in self.fibers:
            fiber.body.close()


class Program(Worker):
    """The program's own process, whose first task is the program: as `scoop_core.origin`."""

    def __init__(self, sim: Simulation) -> None:
        super().__init__(sim, 0)
        self.rested = False
        self.urgent.append(self.run_program)

    def run_program(self) -> Body:
        place = top(self.name, 0)
        self.context = self.group(self.name, 0, place, "program")
        for _ in range(self.rng.randrange(1, 4)):
            try:
                yield from self.task(self.sim.draw(), 0)
            except TaskError:
                pass
        self.context = None
