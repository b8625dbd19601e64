"""Calling upstreams: wire, deadline, credentials, decoding, provenance."""
