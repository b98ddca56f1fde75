"""What the app does for itself: retention, observations, provisioning."""
