# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Training: the loop, what drives it (schedules, optimizers, averages), and what it leaves behind (checkpoints, logs)."""
