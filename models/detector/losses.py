"""Computes the training loss: a focal loss on the heat maps, a smooth L1 loss on corners."""

import tensorflow as tf

from models.detector.network import OFFSET_SCALE

CORNER_LOSS_WEIGHT = 4.0  # reading suffers more from loose corners than from a low peak
BETA = 0.06  # heights of a plate; below it corner errors count squared


def heatmap_loss(logits: tf.Tensor, heatmap: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Computes the focal loss for centres (Zhou and others, Objects as Points, 2019), per plate.

    Cells of 1 are centres; near them the penalty of a score fades with (1 - heatmap)^4.
    """
    log_yes, log_no = -tf.nn.softplus(-logits), -tf.nn.softplus(logits)
    yes = tf.exp(log_yes)
    centre = tf.cast(heatmap > 0.999, tf.float32)
    right = centre * (1 - yes) ** 2 * log_yes
    wrong = (1 - centre) * (1 - heatmap) ** 4 * yes**2 * log_no
    return -tf.reduce_sum(mask * (right + wrong)) / tf.maximum(tf.reduce_sum(centre), 4.0)


def corner_loss(outputs: tf.Tensor, corners: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Computes the mean smooth L1 error of corners, in heights of their plate.

    `weight` (n, H, W) is how much a cell counts, divided by its plate's height in pixels.
    """
    error = tf.abs(outputs * OFFSET_SCALE - corners) * weight[..., None]
    smooth = tf.where(error < BETA, 0.5 * error**2 / BETA, error - 0.5 * BETA)
    cells = tf.reduce_sum(tf.cast(weight > 0, tf.float32))
    return tf.reduce_sum(smooth) / tf.maximum(8.0 * cells, 32.0)


def total_loss(
    outputs: tf.Tensor, heatmap: tf.Tensor, mask: tf.Tensor, corners: tf.Tensor, weight: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the losses (total, heatmap, corners)."""
    of_heatmap = heatmap_loss(outputs[..., :2], heatmap, mask)
    of_corners = corner_loss(outputs[..., 2:], corners, weight)
    return of_heatmap + CORNER_LOSS_WEIGHT * of_corners, of_heatmap, of_corners
