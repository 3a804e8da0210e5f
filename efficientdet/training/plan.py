# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a training is about to do, in the few lines that open its log."""

from __future__ import annotations

from typing import NamedTuple

from efficientdet.training.trainer import Trainer

_SAMPLES = 100  # steps at which the learning rate is looked at


class TrainingPlan(NamedTuple):
    """A run in figures.

    Attributes:
      network: its name.
      input_size: (height, width) of the network's input.
      num_anchors: of one input.
      num_classes: of the network.
      num_images: in the data.
      num_steps: of the schedule, and of the training.
      batch_size: images of a step, over all replicas.
      seed: of the run.
      average_decay: of the moving averages; None where there are none.
      evaluates_averages: whether these are evaluated and exported.
      kernels: what it computes with, in words.
      start_step: at which the learning rate's schedule begins, and `num_steps` counts from.
    """

    network: str
    input_size: tuple[int, int]
    num_anchors: int
    num_classes: int
    num_images: int
    num_steps: int
    batch_size: int
    seed: int
    average_decay: float | None
    evaluates_averages: bool
    kernels: str
    start_step: int = 0

    def lines(self, trainer: Trainer) -> list[str]:
        """The plan in words.

        Args:
          trainer: that is going to do it.
        """
        parameters = sum(variable.shape.num_elements() for variable in trainer.model.trainable_variables)
        height, width = self.input_size
        epochs = self.num_steps * self.batch_size / max(self.num_images, 1)
        last = self.num_steps - 1
        sampled = sorted({round(share * last / (_SAMPLES - 1)) for share in range(_SAMPLES)})
        rates = [float(trainer.optimizer.learning_rate(self.start_step + step)) for step in sampled]
        trained = (
            "trained" if self.average_decay is None else f"trained, and averaged with decay {self.average_decay:g}"
        )
        evaluated = "the averages (eval_config.use_moving_averages)" if self.evaluates_averages else "the trained ones"
        return [
            f"{self.network} at {height}x{width}: {parameters / 1e6:.1f} M trainable parameters, {self.num_anchors} "
            f"anchors, {self.num_classes} classes; {self.kernels}",
            f"{self.num_images} training images, {self.num_steps} steps of {self.batch_size}: {epochs:.1f} epochs; "
            f"seed {self.seed}",
            f"learning rate: {rates[0]:g} at the first step, at most {max(rates):g}, {rates[-1]:g} at the last",
            f"weights: {trained}; evaluated and exported: {evaluated}",
            *trainer.rules.lines(),
        ]
