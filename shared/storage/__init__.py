"""The ingestion storage account: queues, tables, payloads."""
