"""Collections as code: files that say how a collection should be."""
