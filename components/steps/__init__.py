"""One file a step: a function over the library that leaves facts for the next. Nothing here imports kfp."""
