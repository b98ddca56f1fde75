"""What stands in for Azure on one machine: emulators, the Functions host, and the stack that starts them."""
