"""Puts things right: `replay`, `resume`, `cancel` and `delete`."""
