"""Seeded corpora with planted families, and the benchmarks that run on them."""
