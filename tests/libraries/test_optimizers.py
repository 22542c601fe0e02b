"""Libraries that take a map, a pool or an executor, each with the argument that it has for that."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

import scoop
from scoop import futures


def sphere(x: Any) -> float:
    return float(np.sum(np.square(x)))


def log_normal(x: Any) -> float:
    return -0.5 * sphere(x)


def prior(u: Any) -> Any:
    return 10.0 * u - 5.0


def test_scipy_differential_evolution(pool: scoop.Pool) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    found = optimize.differential_evolution(
        sphere, [(-5, 5)] * 2, workers=futures.map, updating="deferred", maxiter=30, seed=1
    )
    assert found.fun < 1e-3
    assert optimize.brute(sphere, ((-1, 1),) * 2, Ns=11, workers=futures.map, finish=None) == pytest.approx([0, 0])


def test_emcee(pool: scoop.Pool) -> None:
    emcee = pytest.importorskip("emcee")
    start = np.random.default_rng(1).normal(size=(16, 2))
    with futures.Executor() as executor:
        sampler = emcee.EnsembleSampler(16, 2, log_normal, pool=executor)
        sampler.run_mcmc(start, 50)
    assert np.abs(sampler.get_chain(flat=True).mean(axis=0)).max() < 1.5


def test_dynesty(pool: scoop.Pool) -> None:
    dynesty = pytest.importorskip("dynesty")
    with futures.Executor() as executor:
        sampler = dynesty.NestedSampler(
            log_normal, prior, 2, nlive=50, pool=executor, queue_size=executor.size, rstate=np.random.default_rng(1)
        )
        sampler.run_nested(maxiter=200, print_progress=False)
    assert len(sampler.results.samples) > 100


def test_deap(pool: scoop.Pool) -> None:
    base = pytest.importorskip("deap.base")
    toolbox = base.Toolbox()
    toolbox.register("map", futures.map)
    toolbox.register("evaluate", sphere)
    assert list(toolbox.map(toolbox.evaluate, [[1, 2], [3, 4]])) == [5.0, 25.0]


def test_pymoo(pool: scoop.Pool) -> None:
    pytest.importorskip("pymoo")
    from pymoo.algorithms.soo.nonconvex.ga import GA
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.optimize import minimize
    from pymoo.parallelization import StarmapParallelization

    class Problem(ElementwiseProblem):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(n_var=2, n_obj=1, xl=-5.0, xu=5.0, **options)

        def _evaluate(self, x: Any, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
            out["F"] = sphere(x)

    with futures.Executor() as executor:
        problem = Problem(elementwise_runner=StarmapParallelization(executor.starmap))
        found = minimize(problem, GA(pop_size=20), ("n_gen", 15), seed=1, verbose=False)
    assert found.F[0] < 0.5


def test_salib(pool: scoop.Pool) -> None:
    pytest.importorskip("SALib")
    from SALib import ProblemSpec
    from SALib.test_functions import Ishigami

    problem = ProblemSpec({"num_vars": 3, "names": ["a", "b", "c"], "bounds": [[-np.pi, np.pi]] * 3})
    problem.sample_sobol(64, calc_second_order=False, seed=1)
    rows = np.array_split(problem.samples, 8)
    problem.set_results(np.concatenate(list(futures.map(Ishigami.evaluate, rows))))
    assert np.array_equal(problem.results, Ishigami.evaluate(problem.samples))
    problem.analyze_sobol(calc_second_order=False, seed=1)
    assert problem.analysis["S1"][0] == pytest.approx(0.31, abs=0.2)


def test_lmfit(pool: scoop.Pool) -> None:
    lmfit = pytest.importorskip("lmfit")
    parameters = lmfit.create_params(a={"value": 1, "min": -5, "max": 5}, b={"value": 1, "min": -5, "max": 5})
    found = lmfit.minimize(residual, parameters, method="brute", Ns=11, workers=futures.map)
    assert (found.params["a"].value, found.params["b"].value) == (2, -1)


def residual(parameters: Any) -> Any:
    return np.array([parameters["a"].value - 2, parameters["b"].value + 1])


def test_nevergrad(pool: scoop.Pool) -> None:
    nevergrad = pytest.importorskip("nevergrad")
    with futures.Executor() as executor:
        optimizer = nevergrad.optimizers.OnePlusOne(parametrization=2, budget=60, num_workers=executor.size)
        found = optimizer.minimize(sphere, executor=executor, batch_mode=False)
    assert sphere(found.value) < 1


def test_adaptive(pool: scoop.Pool) -> None:
    adaptive = pytest.importorskip("adaptive")
    learner = adaptive.Learner1D(sphere, bounds=(-1, 1))

    async def run(executor: futures.Executor) -> None:
        runner = adaptive.Runner(learner, npoints_goal=30, executor=executor, ntasks=executor.size)
        await runner.task

    with futures.Executor() as executor:
        asyncio.run(run(executor))
    assert learner.npoints >= 30


def test_pyabc(pool: scoop.Pool, tmp_path: Any) -> None:
    pyabc = pytest.importorskip("pyabc")
    abc = pyabc.ABCSMC(
        lambda p: {"y": p["m"]},
        pyabc.Distribution(m=pyabc.RV("uniform", -5, 10)),
        population_size=20,
        sampler=pyabc.sampler.MappingSampler(map_=futures.map),
    )
    abc.new(f"sqlite:///{tmp_path / 'abc.db'}", {"y": 1.0})
    assert abc.run(max_nr_populations=2).max_t == 1


def test_nautilus(pool: scoop.Pool) -> None:
    nautilus = pytest.importorskip("nautilus")
    priors = nautilus.Prior()
    priors.add_parameter("a", dist=(-5, 5))
    priors.add_parameter("b", dist=(-5, 5))
    with futures.Executor() as executor:
        sampler = nautilus.Sampler(priors, log_of_two, n_live=100, n_networks=1, pool=executor, seed=1)
        sampler.run(n_eff=100, verbose=False)
    assert sampler.log_z == pytest.approx(np.log(2 * np.pi / 100), abs=0.5)


def log_of_two(parameters: dict[str, float]) -> float:
    return -0.5 * (parameters["a"] ** 2 + parameters["b"] ** 2)


def test_dask(pool: scoop.Pool) -> None:
    dask = pytest.importorskip("dask")
    with futures.Executor() as executor:
        squares = [dask.delayed(sphere)(x) for x in range(10)]
        assert dask.compute(dask.delayed(sum)(squares), scheduler=executor) == (285.0,)
