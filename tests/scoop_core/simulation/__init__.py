"""A pool without processes: the real `BrokerState` among roots, workers and an agent that are simulated.

Workers follow the protocol as `scoop_core.worker` and its rooms do, with the real queues of `worker_state`, and with
generators in the place of greenlets. Messages between two peers arrive in order; all else (which message is next, who
runs, who dies, what is cancelled, and when) is drawn from the scenario's seed. Time is a number that tasks push
forward.

After every message that the broker takes, its books are compared with each other and with what everybody was told
(`books`); now and then the network is emptied, to see that nobody is idle beside work (`Simulation.settle`); in the
end all tasks must be over, and nothing may be left.
"""

from tests.scoop_core.simulation.scenarios import Scenario, Simulation, simulate

__all__ = ["Scenario", "Simulation", "simulate"]
