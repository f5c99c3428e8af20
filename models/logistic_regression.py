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
    counts = np.ones(len(features)) if sample_weight is None else sample_weight
    centre = np.zeros(features.shape[1]) if prior is None else prior
    weights = centre

    def loss(weights: np.ndarray) -> float:
        margins = (2 * labels - 1) * (features @ weights)
        penalty = ridge / 2 * ((weights - centre) ** 2).sum()
        return float(counts @ np.logaddexp(0, -margins) + penalty)

    for _ in range(MAX_ITERATIONS):
        probability = 1 / (1 + np.exp(-(features @ weights).clip(-MAX_LOG_ODDS, MAX_LOG_ODDS)))
        gradient = features.T @ (counts * (labels - probability)) - ridge * (weights - centre)
        variance = counts * probability * (1 - probability)
        hessian = (features * variance[:, None]).T @ features + ridge * np.eye(len(centre))
        step = np.linalg.solve(hessian, gradient)
        # Where probabilities are near 0 or 1 the curvature vanishes and a whole step may overshoot.
        while loss(weights + step) > loss(weights) and np.abs(step).max() > MIN_STEP:
            step = step / 2
        weights = weights + step
    if not np.isfinite(weights).all():
        raise ValueError(f"the regression on {len(features)} examples does not converge")
    return weights
