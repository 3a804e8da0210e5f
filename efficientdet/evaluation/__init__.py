# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How good the detections are: COCO's metrics, and the evaluator that runs a detector over a data set."""
