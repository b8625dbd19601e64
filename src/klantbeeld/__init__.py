"""Klantbeeld: one GraphQL gateway for a whole customer, asked live from the systems that own the data."""
