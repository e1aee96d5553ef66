"""Learners: closed-form classifiers over embeddings whose state is a set of exact sums, so that nothing depends on order.

One algorithm, one file; ``registered.py`` lists them. A new one subclasses ``base.Learner`` and passes
tests/learning/test_learners.py.
"""
