"""Image classifiers that keep learning, on Kubeflow Pipelines and Kubernetes."""

__version__ = "0.1.0"
