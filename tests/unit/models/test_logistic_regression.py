"""A logistic regression settles, also where its first guess is far off and sure of itself."""

import numpy as np
import pytest

from models.logistic_regression import fit


def test_factors_are_those_that_the_examples_were_made_with():
    rng = np.random.default_rng(1)
    seen = np.column_stack([rng.normal(0, 2, 4000), np.ones(4000)])
    right = rng.random(4000) < 1 / (1 + np.exp(-(seen @ [1.5, -0.5])))
    assert fit(seen, right.astype(float), ridge=0.01) == pytest.approx([1.5, -0.5], abs=0.15)


def test_a_sure_and_wrong_guess_is_left_in_steps_that_lead_down():
    seen, right = np.array([[10.0], [12.0], [15.0], [-11.0]]), np.array([0.0, 0.0, 0.0, 1.0])
    (factor,) = fit(seen, right, prior=np.array([1.0]), ridge=0.5)
    assert -1 < factor < 0
