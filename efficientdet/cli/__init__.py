# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The console command's sub-commands. Each module parses its flags before it imports TensorFlow."""
