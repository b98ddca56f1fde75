"""The emulator's routes, one module per group."""
