"""`geocatalog enqueue`: finds STAC items, checks them and sends them to the queues."""
