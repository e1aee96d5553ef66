"""One file a pipeline step: a thin KFP component over the library's functions."""
