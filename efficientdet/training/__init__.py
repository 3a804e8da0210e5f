# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""From a model, a loss and a stream of batches to checkpoints."""
