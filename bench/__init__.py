"""How fast is it, beside others on the same machine in the same minutes? See docs/bench.md. Never a test: no figure fails."""
