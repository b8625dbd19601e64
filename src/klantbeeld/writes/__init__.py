"""Writing through to the owners of fields: routing, keys, and an honest outcome."""
