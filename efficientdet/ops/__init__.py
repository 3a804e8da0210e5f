# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pure tensor functions of detection: no Keras, no config, no input or output."""
