"""What the emulators share: JSON, times, a working store, descriptions and CORS."""
