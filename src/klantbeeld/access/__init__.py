"""Who asks, for what purpose, and what may be released: tokens, rights, rows and the trail."""
