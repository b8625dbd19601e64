"""Four simulated source systems with a seeded population, and faults on demand. Imports nothing else of ours."""
