"""Fits the logistic regressions that calibrate scores and confidences."""

import numpy as np

MAX_ITERATIONS = 50
MIN_STEP = 1e-9  # below it no step is halved any further
MAX_LOG_ODDS = 50.0  # log-odds; beyond it nothing changes


def fit(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    sample_weight: np.ndarray | None = None,
    prior: np.ndarray | None = None,
    ridge: float = 1.0,
) -> np.ndarray:
    """Fits weights (k,) for `features` (n, k) by Newton's method.

    `labels` (n,) are 1 or 0; `sample_weight` (n,) is 1 if not given. `ridge` is the strength of an
    L2 penalty on the distance from `prior` (k,), 0 if not given.

    Raises:
        ValueError: the weights do not converge.
    """
    counted = np.ones(len(features)) if sample_weight is None else sample_weight
    start = np.zeros(features.shape[1]) if prior is None else prior
    factors = start

    def cost(factors: np.ndarray) -> float:
        odds = (2 * labels - 1) * (features @ factors)
        return float(counted @ np.logaddexp(0, -odds) + ridge / 2 * ((factors - start) ** 2).sum())

    for _ in range(MAX_ITERATIONS):
        told = 1 / (1 + np.exp(-(features @ factors).clip(-MAX_LOG_ODDS, MAX_LOG_ODDS)))
        slope = features.T @ (counted * (labels - told)) - ridge * (factors - start)
        bend = (features * (counted * told * (1 - told))[:, None]).T @ features
        step = np.linalg.solve(bend + ridge * np.eye(len(start)), slope)
        # A whole step from where hardly anything is left to learn may lead far away.
        while cost(factors + step) > cost(factors) and np.abs(step).max() > MIN_STEP:
            step = step / 2
        factors = factors + step
    if not np.isfinite(factors).all():
        raise ValueError(f"the regression on {len(features)} examples does not settle")
    return factors
