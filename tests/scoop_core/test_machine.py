"""The broker's decisions under interleavings that Hypothesis looks for, and shrinks where one of them goes wrong."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.scoop_core.simulation import Scenario, Simulation

EVENTS = (
    "submit", "submit", "cancel", "cancel_run", "cancel_task", "kill", "leave", "replace", "restart", "scale"
)  # fmt: skip
KINDS = ("raise", "fork", "send", "leave", "map", "flaky", "deadly", "deaf")


class Machine(RuleBasedStateMachine):
    """A pool in which anything may happen at any time. After every message the books are compared (see `Books`)."""

    @initialize(
        seed=st.integers(0, 10_000),
        workers=st.integers(1, 3),
        roots=st.integers(1, 2),
        kinds=st.lists(st.sampled_from(KINDS), max_size=3),
    )
    def start(self, seed: int, workers: int, roots: int, kinds: list[str]) -> None:
        self.simulation = Simulation(Scenario(seed, workers, roots, kinds=("leaf", *kinds)))

    @rule(picks=st.lists(st.integers(0, 30), min_size=1, max_size=20))
    def go_on(self, picks: list[int]) -> None:
        for pick in picks:
            self.simulation.advance(pick)

    @rule(
        what=st.sampled_from(
            [
                "submit",
                "submit",
                "cancel",
                "cancel_run",
                "cancel_task",
                "kill",
                "leave",
                "replace",
                "restart",
                "scale",
            ]
        )
    )
    def happen(self, what: str) -> None:
        self.simulation.happen(what)

    @rule()
    def settle(self) -> None:
        """Nobody may be idle beside work."""
        self.simulation.settle()

    def teardown(self) -> None:
        """Every task must come to its end."""
        if hasattr(self, "simulation"):
            self.simulation.finish()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=400, stateful_step_count=30, deadline=None)
