"""Fits a logistic regression, also from a prior that is far off and certain."""

import numpy as np
import pytest

from models.logistic_regression import fit


def test_weights_are_those_that_the_examples_were_made_with():
    rng = np.random.default_rng(1)
    features = np.column_stack([rng.normal(0, 2, 4000), np.ones(4000)])
    labels = rng.random(4000) < 1 / (1 + np.exp(-(features @ [1.5, -0.5])))
    assert fit(features, labels.astype(float), ridge=0.01) == pytest.approx([1.5, -0.5], abs=0.15)


def test_a_certain_and_wrong_prior_is_left_in_steps_that_lower_the_loss():
    features, labels = np.array([[10.0], [12.0], [15.0], [-11.0]]), np.array([0.0, 0.0, 0.0, 1.0])
    (factor,) = fit(features, labels, prior=np.array([1.0]), ridge=0.5)
    assert -1 < factor < 0
