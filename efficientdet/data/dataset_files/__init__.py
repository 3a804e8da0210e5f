# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What an import writes: splits, class ids, shards of records, COCO JSON, all of it or nothing."""
