"""`geocatalog doctor`: finds out what is wrong with the set-up, and says what to do."""
