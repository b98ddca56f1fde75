"""What the host reads: settings, host.json, its own options."""
