"""What the commands do, one module for each kind of work; `worker.cli` only says what they are called."""
