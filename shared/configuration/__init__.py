"""What a collection's message wants: shapes, names and checks. Pure rules, no calls."""
