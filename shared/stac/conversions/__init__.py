"""What is changed in a STAC document so that GeoCatalog takes it, each by a rule that keeps its meaning."""
