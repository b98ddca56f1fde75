"""What the triggers share: plain functions and classes that take their clients as arguments."""
