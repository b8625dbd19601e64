"""Which records of which sources are one customer: the cross-reference map."""
