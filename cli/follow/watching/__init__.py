"""`geocatalog watch`: when it ends, what it looks at and how it shows that."""
