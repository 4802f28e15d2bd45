"""The documented rule of keras.optimizers.SGD, in NumPy and float64."""

import numpy as np

from optimizers.options import SCHEDULE
from optimizers.options import arguments
from optimizers.problem import SHAPES
from optimizers.problem import noise
from optimizers.problem import start


def trained(row, steps):
    """Return the weights after `steps` steps, and each one's largest absolute value."""
    weights = [np.asarray(x, "float64") for x in start(row["dtype"])]
    given, noises = arguments(row), noise(row)
    state = State(row, given, weights)
    for numbers in noises[:steps]:
        state.step([np.asarray(x, "float64") for x in numbers])
    return state.weights, state.largest


class State:
    """The state of the rule between steps."""

    def __init__(self, row, given, weights):
        self.row, self.given, self.weights = row, given, weights
        self.velocity = [np.zeros_like(w) for w in weights]
        self.average = [np.zeros_like(w) for w in weights]
        self.sums = [np.zeros_like(w) for w in weights]
        self.largest = [np.abs(w).max(initial=0.0) for w in weights]
        self.micro = 0

    def step(self, noises):
        gradients = [n + 0.25 * w for n, w in zip(noises, self.weights, strict=True)]
        dynamic = self.row["scale"] == "dynamic"
        if dynamic and not all(np.isfinite(g).all() for g in gradients):
            return
        steps = self.given.get("gradient_accumulation_steps", 1)
        self.sums = [s + g for s, g in zip(self.sums, gradients, strict=True)]
        if (self.micro + 1) % steps == 0:
            self.update([s / steps for s in self.sums], self.micro // steps)
            self.sums = [np.zeros_like(s) for s in self.sums]
        if self.given.get("use_ema"):
            self.follow(self.micro // steps)
        self.micro += 1

    def update(self, gradients, update):
        # Keras stores the rate as float32 for weights of any type.
        constant = self.row["rate"] == "constant"
        rate = float(np.float32(0.1) if constant else SCHEDULE(update))
        momentum = self.given.get("momentum", 0.0)
        for n, (name, gradient) in enumerate(
            zip(SHAPES, self.clip(gradients), strict=True)
        ):
            weight = self.weights[n]
            if not (self.row["decay"] == "excluded" and "bias" in name):
                decay = self.given.get("weight_decay", 0.0)
                weight = weight - weight * decay * rate
            velocity = self.velocity[n] * momentum - gradient * rate
            ahead = self.given.get("nesterov") and momentum
            by = velocity * momentum - gradient * rate if ahead else velocity
            self.weights[n], self.velocity[n] = weight + by, velocity
            peaks = [np.abs(x).max(initial=0.0) for x in (weight, velocity, by)]
            self.largest[n] = max(self.largest[n], *peaks)

    def clip(self, gradients):
        kind = self.row["clip"]
        if kind == "value":
            value = self.given["clipvalue"]
            return [np.clip(g, -value, value) for g in gradients]
        norms = [np.sqrt((g**2).sum()) for g in gradients]
        if kind == "norm":
            limit = self.given["clipnorm"]
            return [
                g * limit / max(norm, limit)
                for g, norm in zip(gradients, norms, strict=True)
            ]
        if kind == "global":
            limit, norm = self.given["global_clipnorm"], np.linalg.norm(norms)
            return [g * min(1.0, limit / norm) for g in gradients]
        return gradients

    def follow(self, update):
        keep = self.given["ema_momentum"] if update else 0.0
        self.average = [
            keep * a + (1 - keep) * w
            for a, w in zip(self.average, self.weights, strict=True)
        ]
        frequency = self.given.get("ema_overwrite_frequency")
        if frequency and (update + 1) % frequency == 0:
            self.weights = list(self.average)
