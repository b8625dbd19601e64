"""An operation becomes a plan, once; the plan runs for each request."""
