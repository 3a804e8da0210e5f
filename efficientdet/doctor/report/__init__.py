# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the doctor found, for the terminal, as JSON and as a page of HTML."""
