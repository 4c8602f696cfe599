"""newsfold: folds a stream of news files into stories."""

__version__ = "0.1.0"
