"""`geocatalog local`: the stack that stands in for Azure on one machine."""
