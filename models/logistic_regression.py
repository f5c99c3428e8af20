"""Logistic regression, as everything here is calibrated."""

import numpy as np

STEPS = 50
SMALLEST = 1e-9  # step worth taking
FURTHEST = 50.0  # log-odds; beyond it nothing changes


def fit(
    seen: np.ndarray,
    right: np.ndarray,
    *,
    weight: np.ndarray | None = None,
    prior: np.ndarray | None = None,
    ridge: float = 1.0,
) -> np.ndarray:
    """Factors (k,) for evidence `seen` (n, k), by Newton's method.

    `right` (n,) is 1 or 0, `weight` (n,) how much each counts. The factors are held near `prior`
    (k,), nothing where it is not given, as strongly as `ridge` says.

    Raises:
        ValueError: they do not settle.
    """
    counted = np.ones(len(seen)) if weight is None else weight
    start = np.zeros(seen.shape[1]) if prior is None else prior
    factors = start

    def cost(factors: np.ndarray) -> float:
        odds = (2 * right - 1) * (seen @ factors)
        return float(counted @ np.logaddexp(0, -odds) + ridge / 2 * ((factors - start) ** 2).sum())

    for _ in range(STEPS):
        told = 1 / (1 + np.exp(-(seen @ factors).clip(-FURTHEST, FURTHEST)))
        slope = seen.T @ (counted * (right - told)) - ridge * (factors - start)
        bend = (seen * (counted * told * (1 - told))[:, None]).T @ seen
        step = np.linalg.solve(bend + ridge * np.eye(len(start)), slope)
        # A whole step from where hardly anything is left to learn may lead far away.
        while cost(factors + step) > cost(factors) and np.abs(step).max() > SMALLEST:
            step = step / 2
        factors = factors + step
    if not np.isfinite(factors).all():
        raise ValueError(f"the regression on {len(seen)} examples does not settle")
    return factors
