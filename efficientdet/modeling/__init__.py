# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The network: EfficientNet, BiFPN and the weight-shared heads, as Keras layers that are built on construction."""
