"""What several commands are given: options, moments, searches, files of ids."""
