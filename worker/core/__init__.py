"""Values and pure functions: article, normalise, fingerprint, match, group. No I/O, no database, no Celery."""
