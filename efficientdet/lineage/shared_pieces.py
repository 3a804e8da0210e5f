# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pieces of `model.ssd` that both lineages share."""

from __future__ import annotations

# In 0..255. TFOD writes them as (.485, .456, .406) and (.229, .224, .225) of 255: ImageNet's mean and deviation.
IMAGENET = "feature_extractor { normalization { mean: [123.675, 116.28, 103.53] stddev: [58.395, 57.12, 57.375] } }"

# The Lites under either lineage. TFOD never had them, so there is nothing to be faithful to: these are what their
# pyramids (320 px: 40, 20, 10, 5, 3) and their ImageNet weights need. The latter were trained on about -1..1, which is
# exact in 8 bits (automl, efficientnet_lite).
LITE = """
feature_extractor {
  endpoints: LAST_BLOCK
  bifpn { combine_method: "sum" }
  normalization { mean: [127, 127, 127] stddev: [128, 128, 128] }
}
anchor_generator { multiscale_anchor_generator { stride_rule: EXACT } }
"""
