"""Every change of the tables since the first, one file each; `migrate` runs them, in the transaction that it holds."""
