"""What happens in a simulation, drawn from its seed."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scoop_core import messages as m
from scoop_core.broker_state import BrokerState
from scoop_core.ledger import Send
from tests.scoop_core.simulation.books import Books
from tests.scoop_core.simulation.owners import Function, Peer, Root
from tests.scoop_core.simulation.workers import Program, Worker

AGENT = "agent-here"
#: Workers of an agent on another host.
ROOM = 2


@dataclass
class Scenario:
    """What may happen in a simulation."""

    seed: int
    workers: int = 2
    roots: int = 1
    events: int = 10  # what comes from outside, in all
    deaths: bool = False
    stillborn: bool = False
    cancels: bool = False
    runs: bool = False
    restarts: bool = False
    leaves: bool = False
    scales: bool = False
    pins: bool = False
    skips: bool = False
    limits: bool = False
    skips_tasks: bool = False
    replaces: bool = False
    hosts: bool = False
    program: bool = False  # it is a worker, too: `python -m scoop`
    kinds: tuple[str, ...] = ("leaf",)

    @classmethod
    def drawn(cls, seed: int) -> Scenario:
        """A scenario in which some things may happen, and others not."""
        rng = random.Random(seed)
        flags = ("deaths", "stillborn", "cancels", "runs", "restarts", "leaves", "scales", "pins", "skips", "limits")
        flags = (*flags, "skips_tasks", "replaces", "hosts", "program")
        kinds = ("leaf", "raise", "fork", "send", "leave", "map", "flaky", "deadly", "deaf")
        return cls(
            seed,
            workers=rng.choice((1, 1, 2, 2, 3, 4)),
            roots=rng.choice((1, 1, 2)),
            events=rng.randrange(1, 14),
            kinds=("leaf", *(kind for kind in kinds if rng.random() < 0.3)),
            **{flag: rng.random() < 0.25 for flag in flags},
        )


@dataclass
class Simulation:
    """One scenario, from the start of the pool to its last word."""

    scenario: Scenario
    now: float = 0.0
    up: dict[str, deque[m.Header]] = field(default_factory=dict)  # on the way to the broker
    down: dict[str, deque[m.Header]] = field(default_factory=dict)  # on the way from it
    roots: dict[str, Root] = field(default_factory=dict)
    workers: dict[str, Worker] = field(default_factory=dict)
    functions: dict[bytes, Function] = field(default_factory=dict)
    created: Counter[tuple[str, int, int]] = field(default_factory=Counter)  # tasks, by node of the tree
    left: dict[str, tuple[str, m.Exited]] = field(
        default_factory=dict
    )  # workers that ended in order; their last words come first
    said: Counter[str] = field(default_factory=Counter)  # messages by kind
    lost: list[Function] = field(default_factory=list)  # one for each task that was given up
    away: list[str] = field(default_factory=list)  # agents on other hosts
    hosts_lost: int = 0
    died: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.scenario.seed)
        self.cancels = self.scenario.cancels
        self.skips = self.scenario.skips
        self.pins = self.scenario.pins
        self._sends: list[Send] = []
        first = int(self.scenario.program)
        self.state = BrokerState("simulated", self._deliver, wanted=self.scenario.workers, first=first)
        self.books = Books(self.state)
        self.up[AGENT] = deque([m.Hello("agent", 1, "here")])
        if self.scenario.hosts:
            self._join()
        for number in range(self.scenario.roots):
            name = f"r{number}"
            self.up[name], self.down[name] = deque(), deque()
            self.roots[name] = Root(self, name)
        self._menu = [self._function(kind, str(i)) for i, kind in enumerate(self.scenario.kinds * 2)]
        if self.scenario.program:
            program = Program(self)
            self.up[program.name], self.down[program.name] = deque(), deque()
            self.workers[program.name] = program

    def draw(self) -> Function:
        """One of all that there is to do."""
        return self.rng.choice(self._menu)

    def _join(self) -> None:
        """Another host is there."""
        agent = f"agent-away-{self.hosts_lost}"
        self.away.append(agent)
        self.up[agent] = deque([m.Hello("agent", 1, "away", -1, agent, ROOM)])

    def _function(self, kind: str, suffix: str, depth: int = 0) -> Function:
        rng = self.rng
        child = None
        if kind in ("fork", "send", "leave", "map"):
            inner = [k for k in self.scenario.kinds if depth < 2 or k in ("leaf", "raise", "flaky", "deaf")]
            child = self._function(rng.choice(inner), f"{suffix}.{depth}", depth + 1)
        function = Function(
            f"{kind}{suffix}",
            kind,
            cost=rng.choice((0.0005, 0.005, 0.05)),
            child=child,
            fanout=rng.randrange(1, 7 - 2 * depth) if kind == "map" else rng.randrange(1, 4),
            retries=rng.choice((0, 1, 2, 2)) if kind != "flaky" else 2,
            priority=rng.choice((0, 0, 0, 1)),
            limit=0.1 if self.scenario.limits and rng.random() < 0.5 else 0.0,
            deadly=frozenset({rng.randrange(3)}) if kind == "deadly" else frozenset(),
        )
        self.functions[function.digest] = function
        return function

    # ---- the network -------------------------------------------------------------------------------------------

    def deliver_up(self, peer: str) -> None:
        """Give the broker the next message of a peer."""
        message = self.up[peer].popleft()
        if not self.up[peer] and peer not in self.workers and peer not in self.roots and peer not in self._agents():
            del self.up[peer]
            if peer in self.left:
                agent, exited = self.left.pop(peer)
                if agent in self.up:
                    self.up[agent].append(exited)
        state = self.state
        program = isinstance(self.workers.get(peer), Program)  # nobody has announced it
        dead = peer.startswith("w") and peer not in state.ledger.workers and not program
        known = peer in state.ledger.peers or (isinstance(message, m.Hello) and not dead)
        strange = state.ledger.strange
        arrived = self.books.before(peer, message) if known else set()
        state.handle(peer, message, [], self.now)
        sends = self._delivered()
        source = (peer, message.job) if isinstance(message, m.Extend) and known else None
        assert state.ledger.strange == strange + (not known), f"{message} of {peer} was not understood"
        self.said[type(message).__name__] += 1
        if not isinstance(message, m.Tally) or sends:
            self.books.after(source, arrived, sends)
        self._route(sends)
        self._tick()

    def _tick(self) -> None:
        due = self.state.deadline()
        if due is not None and due <= self.now:
            self.state.tick(self.now)
            sends = self._delivered()
            self.books.after(None, set(), sends)
            self._route(sends)

    def _deliver(self, to: str, header: m.Header, frames: m.Frames) -> None:
        self._sends.append(Send(to, header, frames))

    def _delivered(self) -> list[Send]:
        """What the broker has sent since this was last asked."""
        sends, self._sends = self._sends, []
        return sends

    def _route(self, sends: list[Send]) -> None:
        for send in sends:
            self.said[type(send.header).__name__] += 1
            if send.to in self._agents():
                if isinstance(send.header, m.Spawn):
                    self._spawn(send.header.number, send.to)
                elif isinstance(send.header, m.Stop):
                    self._lose_host(send.to)
                elif isinstance(send.header, m.Kill) and (worker := self.workers.get(f"w{send.header.number}")):
                    self.die(worker, -9)
            elif send.to in self.down:
                self.down[send.to].append(send.header)

    def deliver_down(self, peer: str) -> None:
        """Give a peer the next message of the broker."""
        message = self.down[peer].popleft()
        whom: Peer = self.workers[peer] if peer in self.workers else self.roots[peer]
        whom.handle(message)

    def _agents(self) -> list[str]:
        return [AGENT, *self.away]

    def _lose_host(self, agent: str) -> None:
        """A host is gone, with all that is on it. What it sent last may get lost, or come late."""
        self.away.remove(agent)
        self.hosts_lost += 1
        del self.up[agent]
        for worker in [worker for worker in self.workers.values() if worker.agent == agent]:
            self.die(worker, -9)
        for row in self.state.ledger.workers.values():
            if row.agent == agent:
                self.books.orphan(row.name)
        self.state.leave(agent, self.now)
        sends = self._delivered()
        self.books.after(None, set(), sends)
        self._route(sends)

    def _spawn(self, number: int, agent: str) -> None:
        name = f"w{number}"
        self.up[name], self.down[name] = deque(), deque()
        self.workers[name] = worker = Worker(self, number)
        worker.agent = agent
        if self.scenario.stillborn and self.rng.random() < 0.2:
            self.die(worker, 1)

    def die(self, worker: Worker, status: int) -> None:
        """End a worker process. What it sent last may get lost or come late, unless it ends in order (0)."""
        if isinstance(worker, Program):  # the pool would end with it
            return
        name = worker.name
        if not status:
            worker.tell_late()
        del self.workers[name], self.down[name]
        if status:
            self.died += 1
            queue = self.up[name]
            for _ in range(self.rng.randrange(len(queue) + 1)):
                queue.pop()
        exited = m.Exited(worker.number, 100 + worker.number, status, worker.begun, 2**20)
        if not status and self.up[name]:
            self.left[name] = worker.agent, exited
        elif worker.agent in self.up:
            self.up[worker.agent].append(exited)
        if not self.up[name]:
            del self.up[name]
        if worker.current is None or not worker.current.body.gi_running:
            worker.close_fibers()

    # ---- what happens ------------------------------------------------------------------------------------------

    def run(self) -> None:
        """The whole scenario."""
        events = self.scenario.events
        while events or self.rng.random() < 0.9:
            if events and self.rng.random() < 0.08:
                events -= 1
                self._event()
            elif not self._step():
                if not events:
                    break
                events -= 1
                self._event()
        self.finish()

    def _choices(self) -> list[tuple[Callable[..., None], Any]]:
        choices: list[tuple[Callable[..., None], Any]] = [(self.deliver_up, p) for p, q in self.up.items() if q]
        choices += [(self.deliver_down, p) for p, q in self.down.items() if q]
        choices += [(self._work, w) for w in self.workers.values() if w.can_step()]
        choices += [(Worker.tell_late, w) for w in self.workers.values() if w.late]
        return choices

    def _work(self, worker: Worker) -> None:
        worker.step()

    def _step(self) -> bool:
        """One message, or one step of a worker; False if nothing can happen."""
        choices = self._choices()
        if not choices:
            due = self.state.deadline()
            if due is None:
                return False
            self.now = max(self.now, due)
            self._tick()
            return True
        self.steps += 1
        action, who = self.rng.choice(choices)
        action(who)
        if self.rng.random() < 0.01:
            self.settle()
        return True

    def advance(self, pick: int) -> None:
        """One of all the things that could happen next, as somebody else picks it."""
        choices = self._choices()
        if choices:
            action, who = choices[pick % len(choices)]
            action(who)
        else:
            self._step()

    def happen(self, what: str) -> None:
        """What comes from outside, by its name here."""
        if not self.roots:
            return
        root = self.rng.choice(list(self.roots.values()))
        {
            "submit": self._submit,
            "cancel": self._cancel,
            "cancel_run": Root.cancel_run,
            "halt": lambda root: root.send(m.Halt()),
            "kill": self._kill,
            "leave": self._leave,
            "cancel_task": self._cancel_task,
            "replace": self._replace,
            "restart": lambda root: root.send(m.Restart()),
            "scale": lambda root: root.send(m.Scale(self.rng.randrange(self.scenario.workers + 2))),
        }[what](root)

    def settle(self) -> None:
        """Empty the network while no task goes on; then nobody may be idle beside work."""
        tell = [worker for worker in self.workers.values() if worker.greeted]
        for _ in range(3):  # who refuses to share what it will begin at once would be asked for ever
            for worker in tell:
                worker.tally()
            while choices := [c for c in self._choices() if c[0] != self._work]:
                action, who = self.rng.choice(choices)
                action(who)
            tell = [worker for worker in self.workers.values() if worker.refused]
        idle = [w for w in self.workers.values() if w.greeted and not w.retiring and not w.can_step()]
        if not idle:
            return
        names = [w.name for w in idle]
        waiting = [(k, list(j.waiting)) for k, j in self.state.ledger.jobs.items() if j.waiting and not j.spec.worker]
        assert not waiting, f"{names} are idle, and {waiting} wait"
        for worker in self.workers.values():
            free = [p.assign for p in worker.state.pieces if not p.assign.spec.worker]
            if worker.context is None:
                free = free[1:]
            assert not free, f"{names} are idle, and {worker.name} sits on {free}"
            assert len(worker.state.pending) < 2, f"{names} are idle, and {worker.name} keeps its tasks"

    def _event(self) -> None:
        """Something from outside."""
        rng, scenario = self.rng, self.scenario
        if not self.roots:
            return
        root = rng.choice(list(self.roots.values()))
        possible = [self._submit] * 4
        possible += [self._cancel] * 2 * scenario.cancels
        possible += [Root.cancel_run] * scenario.runs
        possible += [Root.new_run] * scenario.runs
        possible += [lambda root: root.send(m.Halt())] * scenario.runs
        possible += [self._kill] * 2 * scenario.deaths
        possible += [self._cancel_task] * 3 * scenario.skips_tasks
        possible += [self._replace] * 2 * scenario.replaces
        possible += [self._overdue] * 4 * scenario.limits
        possible += [self._leave] * scenario.leaves
        possible += [self._change_hosts] * 3 * scenario.hosts
        possible += [lambda root: root.send(m.Restart())] * scenario.restarts
        possible += [lambda root: root.send(m.Scale(rng.randrange(scenario.workers + 2)))] * scenario.scales
        rng.choice(possible)(root)

    def _submit(self, root: Root) -> None:
        rng = self.rng
        function = self.draw()
        count = rng.choice((1, 2, 3, 5, 8, 30) if function.kind in ("leaf", "raise") else (1, 2, 3))
        worker = rng.choice([f"w{n}" for n in range(self.state.rooms.next_number + 1)]) if self.pins else ""
        root.submit(function, count, rng.random() < 0.4, worker)

    def _cancel(self, root: Root) -> None:
        jobs = [job for job in root.jobs.values() if job.open]
        if jobs:
            job = self.rng.choice(jobs)
            lo = self.rng.randrange(job.sent)
            root.cancel(job, lo, self.rng.randrange(lo, job.sent) + 1)

    def _kill(self, root: Root) -> None:
        if self.workers:
            self.die(self.rng.choice(list(self.workers.values())), -9)

    def _worker(self) -> str:
        """Of one that there is, was or will be."""
        return f"w{self.rng.randrange(self.state.rooms.next_number + 1)}"

    def _cancel_task(self, root: Root) -> None:
        root.send(m.CancelTask(1, self._worker()))

    def _replace(self, root: Root) -> None:
        root.send(m.RestartWorker(1, self._worker()))

    def _overdue(self, root: Root) -> None:
        """Tasks with a limit have run for too long, on some worker; it says so."""
        for worker in self.workers.values():
            if self.rng.random() < 0.5:
                worker.look_at_limits()

    def _change_hosts(self, root: Root) -> None:
        """A host is lost, comes, or will be taken away soon."""
        if not self.away:
            self._join()
        elif self.rng.random() < 0.5:
            self._lose_host(self.rng.choice(self.away))
        else:
            self.up[self.rng.choice(self.away)].append(m.Leaving())

    def _leave(self, root: Root) -> None:
        name = root.name
        del self.roots[name], self.down[name]
        if not self.up[name] or name not in self.state.ledger.peers:
            del self.up[name]
        self.books.orphan(name)
        self.state.leave(name, self.now)
        sends = self._delivered()
        self.books.after(None, set(), sends)
        self._route(sends)

    # ---- the end -----------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Let everything come to its end; all tasks must be over then, and nothing be left."""
        ledger = self.state.ledger
        for root in self.roots.values():
            root.send(m.Scale(self.scenario.workers))
        self._exhaust()
        for root in self.roots.values():
            for job in root.jobs.values():
                assert not job.open, f"tasks {sorted(job.open)} of {job} are never over"
        for worker in self.workers.values():
            assert not worker.pending, f"{worker.name} waits for ever"
            assert not worker.state.begun and worker.state.empty
        for peer in (*self.roots.values(), *self.workers.values()):
            for job in peer.jobs.values():
                peer.close(job)
        self._exhaust()
        assert not ledger.jobs, f"jobs are left: {list(ledger.jobs)}"
        assert not any(f.jobs for f in ledger.functions.values())
        assert not any(w.held or w.parked for w in ledger.workers.values()), "pieces are left"
        assert set(ledger.roots) == {*self.roots, *self.workers}, f"accounts are left: {set(ledger.roots)}"
        if self.roots:
            assert set(ledger.idle) == set(self.workers), "somebody is not known to be idle"
            here = [worker for worker in self.workers.values() if worker.agent == AGENT]
            assert len(here) == self.scenario.workers
            away = [worker for worker in self.workers.values() if worker.agent not in ("", AGENT)]
            assert len(away) == self._room(), "hosts have not the workers that they have room for"
        self._check_tree()

    def _room(self) -> int:
        agents = self.state.rooms.agents
        return sum(agents[agent].room for agent in self.away if agent in agents)

    def _exhaust(self) -> None:
        limit = self.steps + 20_000
        while self._step():
            assert self.steps < limit, "it does not come to an end"
        self.settle()
        for worker in self.workers.values():
            worker.tally()
        while choices := self._choices():
            choices[0][0](choices[0][1])

    def _check_tree(self) -> None:
        """All tasks that were ever submitted are in the tree, each with its end."""
        for root, number, node in self._nodes():
            over = node.done + node.failed + node.cancelled
            assert not node.left and not node.kept, f"{node.name} is not over in the tree: {node}"
            total = self.created[root, number, node.id]
            # What a worker kept for itself when it, or its host, was lost was never told to anybody.
            lost = self.died or self.hosts_lost
            assert over == total or (lost and over < total), f"{total} tasks of {node.name}, in the tree {over}"

    def _nodes(self) -> Iterator[tuple[str, int, Any]]:
        for (root, number), run in self.state.ledger.tree._runs.items():
            for node in run.groups.values():
                yield root, number, node


def simulate(seed: int) -> Simulation:
    """Run the scenario of this seed; what goes wrong names it."""
    simulation = Simulation(Scenario.drawn(seed))
    try:
        simulation.run()
    except Exception as error:
        raise AssertionError(f"seed {seed}, step {simulation.steps}: {error!r}\n{simulation.scenario}") from error
    return simulation
