# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What this library costs on a machine: its figures, how they are measured, compared and shown.

Each measurement runs in a process of its own, so that neither warm caches nor another's memory help or hurt it, and
each figure has a yardstick beside it that was measured in the same process: machines differ, and one machine differs
from hour to hour, but how many times as long as the limit something takes differs little.
"""
