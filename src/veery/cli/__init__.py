"""The `veery` command, one module a noun."""
