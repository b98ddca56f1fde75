"""The commands of `geocatalog`, one module per group; heavy imports happen inside them."""
