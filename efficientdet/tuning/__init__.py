# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a run is to be given: a learning rate, settings, a batch that fits, as many steps as there is time for.

Everything is found by trying it, with the run's own config, data and weights. Importing this needs no TensorFlow.
"""
