"""A storage account in memory, for tests: Azure's own clients talk to it, and no process or port is needed."""
