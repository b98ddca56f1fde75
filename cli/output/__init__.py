"""What a person sees: printing, faults, waiting."""
