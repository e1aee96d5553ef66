"""Save the model of service.py into the folder that is named."""

import sys

import mlflow

mlflow.pyfunc.save_model(sys.argv[1], python_model="service.py", pip_requirements=["mlflow"])
