# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What made a run what it is, in one file beside it: to check it again, and to set two runs against each other."""
