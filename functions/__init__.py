"""One module per trigger: read the trigger, call one plain function of shared/, return."""
