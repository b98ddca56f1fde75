"""Shows what became of items: `status`, `watch`, `items`, `show` and `failures`."""
