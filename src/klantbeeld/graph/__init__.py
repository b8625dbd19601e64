"""The unified customer in GraphQL: types, queries, mutations, and what each field needs to be answered."""
