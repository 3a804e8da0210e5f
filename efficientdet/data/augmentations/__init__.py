# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations. Each takes an Example and a seed and returns an Example; what it draws depends on the seed alone.
Those of `mixing` also take other pictures, as functions that read them.

They run before normalisation, on values of 0..255, and can be used eagerly as well as inside tf.data. Areas stay as
they were annotated, in pixels of the original picture: they serve evaluation only, where nothing is augmented.

Names and ranges are those of the Object Detection API (TFOD), core/preprocessor.py. Whole numbers are drawn below their
upper bound, as there; where both bounds are equal, that number is taken.
"""
