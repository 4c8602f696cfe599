"""One module a format; `worker.parsing.registry` lists them."""
