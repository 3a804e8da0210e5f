# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
