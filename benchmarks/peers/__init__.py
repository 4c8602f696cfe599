"""The tools newsfold is measured against, as scripts for the Python of `.venv-bench`; none imports newsfold."""
