"""Where a command takes its settings from, and the clients that it makes of them."""
